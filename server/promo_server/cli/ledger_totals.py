"""`promo ledger totals`: what a campaign has given, and how much of its limits that took."""

from __future__ import annotations

from dataclasses import dataclass

import uvloop

from promo.v1 import event_pb2
from promo_server.cli.books import Books, open_books
from promo_server.cli.command_error import CommandError
from promo_server.cli.ledger import every_project
from promo_server.cli.money import spell
from promo_server.cli.options import SettingsOptions
from promo_server.cli.output import Json, print_fields, print_json
from promo_server.domain.campaign import Campaign
from promo_server.settings import Settings
from promo_server.sql.rows.totals import CampaignTotals

_KINDS = {
    "per_campaign": event_pb2.LIMIT_KIND_PER_CAMPAIGN,
    "discount_budget": event_pb2.LIMIT_KIND_DISCOUNT_BUDGET,
    "order_value_budget": event_pb2.LIMIT_KIND_ORDER_VALUE_BUDGET,
}
"""Limits that have one counter for all of a campaign; the others have one for each code, customer or period."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A campaign, with its sums."""

    campaign: Campaign
    totals: CampaignTotals

    @property
    def limits(self) -> dict[str, tuple[int, int]]:
        """What was taken of each limit, and the limit, by its name in the contract."""
        limits = self.campaign.definition.limits
        found = {}
        for name, kind in _KINDS.items():
            limit = getattr(limits, name)
            if limit:
                total = self.totals.kinds.get(kind)
                found[name] = (total.amount if total is not None else 0, limit)
        return found


def totals(
    campaign: str,
    /,
    *,
    project: str = "",
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    json: Json = False,
) -> None:
    """Show the sums of a campaign.

    Parameters
    ----------
    campaign
        Id or name.
    project
        Id or name of its project; needed when several have one of that name.

    """
    found = uvloop.run(_find(settings.load().settings, campaign, project))
    print_json(_document(found)) if json else print_fields(_lines(found))


async def _find(settings: Settings, wanted: str, project: str) -> _Found:
    async with open_books(settings) as books:
        found = [one for one in await _campaigns(books, wanted, project) if one is not None]
        if not found:
            raise CommandError(f"there is no campaign {wanted}")
        if len(found) > 1:
            raise CommandError(f"several projects have a campaign {wanted}; say which with --project")
        async with books.database.read() as unit:
            return _Found(found[0], await unit.totals.of_campaign(found[0].project_id, found[0].id))


async def _campaigns(books: Books, wanted: str, project: str) -> list[Campaign | None]:
    projects = [one for one in await every_project(books) if project in {"", one.id, one.name}]
    async with books.database.read() as unit:
        return [await unit.campaigns.find(one.id, wanted) for one in projects]


def _lines(found: _Found) -> list[tuple[str, str]]:
    currency, totals = found.campaign.definition.currency, found.totals
    lines = [
        ("campaign", f"{found.campaign.name} ({found.campaign.id})"),
        ("redeemed", f"{totals.redeemed:,}"),
        ("rolled back", f"{totals.rolled_back:,}"),
        ("discounts given", spell(totals.discount, currency)),
        ("taken back", spell(totals.returned, currency)),
    ]
    for name, (taken, limit) in found.limits.items():
        words = (
            (f"{taken:,}", f"{limit:,}") if name == "per_campaign" else (spell(taken, currency), spell(limit, currency))
        )
        lines.append((name.replace("_", " "), " of ".join(words)))
    return lines


def _document(found: _Found) -> dict[str, object]:
    totals = found.totals
    return {
        "campaign_id": found.campaign.id,
        "campaign": found.campaign.name,
        "currency_code": found.campaign.definition.currency,
        "redeemed_count": totals.redeemed,
        "rolled_back_count": totals.rolled_back,
        "discount_amount": totals.discount,
        "returned_discount_amount": totals.returned,
        "limits": {name: {"taken": taken, "limit": limit} for name, (taken, limit) in found.limits.items()},
    }
