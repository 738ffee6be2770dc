"""Sums of what happened: what a campaign has given, and how it stands with its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import and_, func, select, true

from promo_server.sql.rows.base import Rows
from promo_server.sql.tables.archive import MOVEMENTS, REDEMPTION_ITEMS


@dataclass(frozen=True, slots=True)
class KindTotal:
    """What counts of all limits of one kind: movements, their sum, and the name of one of the limits."""

    count: int
    amount: int
    limit: str


@dataclass(frozen=True, slots=True)
class CampaignTotals:
    """Redeemables of a campaign that were used and undone, with their discounts in minor units.

    `kinds` is by the contract's number of the kind of limit.
    """

    redeemed: int
    discount: int
    rolled_back: int
    returned: int
    kinds: Mapping[int, KindTotal]


class SqlTotals(Rows):
    """Sums over the archive, for those who check it."""

    async def of_campaign(self, project_id: str, campaign_id: str) -> CampaignTotals:
        """Return the sums of a campaign; zeros for one of which nothing was used."""
        items = REDEMPTION_ITEMS.c
        undone = items.rollback_id.is_not(None)
        own = and_(items.project_id == project_id, items.campaign_id == campaign_id)
        query = select(
            func.count(),
            func.coalesce(func.sum(items.discount_amount), 0),
            func.count().filter(undone),
            func.coalesce(func.sum(items.discount_amount).filter(undone), 0),
        ).where(own)
        redeemed, discount, rolled_back, returned = (await self._connection.execute(query)).one()
        moved = MOVEMENTS.c
        same = and_(
            moved.project_id == items.project_id,
            moved.redemption_id == items.redemption_id,
            moved.redeemable == items.redeemable,
        )
        by_kind = (
            select(moved.limit_kind, func.count(), func.sum(moved.amount), func.min(moved.limit_name))
            .select_from(REDEMPTION_ITEMS.join(MOVEMENTS, same))
            .where(own, moved.active == true())
            .group_by(moved.limit_kind)
        )
        kinds = {
            kind: KindTotal(count, int(amount), limit)
            for kind, count, amount, limit in await self._connection.execute(by_kind)
        }
        return CampaignTotals(redeemed, int(discount), rolled_back, int(returned), kinds)
