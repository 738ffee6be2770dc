"""Lists and gets what happened in the caller's project."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from promo_server.domain.access import Caller
from promo_server.domain.campaign import Campaign
from promo_server.domain.errors import DomainError
from promo_server.domain.lists import Listed, ListQuery
from promo_server.domain.reasons import Reason
from promo_server.services.archive_ports import ArchivedRedemption
from promo_server.services.freshness import Freshness
from promo_server.services.history_ports import ArchivedCustomer, ArchivedEntry, ArchivedOrder
from promo_server.services.ports import Database
from promo_server.services.position_codes import PositionCodes
from promo_server.services.spoken_conditions import SpokenConditions

Row = TypeVar("Row")

_ROLLBACK_ID = re.compile(r"rr_[0-9a-f]{16,32}")


class LedgerEntries(Protocol):
    """The ledger in the store."""

    async def rollback(self, project_id: str, rollback_id: str) -> bytes | None:
        """Return the whole ledger entry at the place of a rollback, serialized; None when nothing is there."""
        ...


@dataclass(frozen=True, slots=True)
class ListedPublication:
    """A publication: its whole ledger entry, serialized, its campaign, and its codes in the order of their issue."""

    entry: bytes
    codes: tuple[str, ...]
    campaign: Campaign | None


class ReadHistory:
    """Reads the archive once it has what happened before the call.

    Lists answer also when the archive stays behind, and say since when; gets refuse then with ARCHIVE_BEHIND.
    """

    def __init__(
        self,
        database: Database,
        freshness: Freshness,
        ledger: LedgerEntries,
        codes: PositionCodes,
        spoken: SpokenConditions,
    ) -> None:
        """Keep what reading needs."""
        self._database = database
        self._spoken = spoken
        self._codes = codes
        self._freshness = freshness
        self._ledger = ledger

    async def redemptions(self, caller: Caller, query: ListQuery) -> Listed[ArchivedRedemption]:
        """Return a page of redemptions."""
        stale = await self._freshness.stale_since(caller.project)
        async with self._database.read() as unit:
            asked = await self._spoken.of_redemptions(unit, caller.project, query)
            if asked is None:
                return Listed((), None, stale)
            return replace(await unit.history.redemptions(caller.project, asked), stale_since_ms=stale)

    async def rollbacks(self, caller: Caller, query: ListQuery) -> Listed[ArchivedEntry]:
        """Return a page of rollbacks."""
        stale = await self._freshness.stale_since(caller.project)
        async with self._database.read() as unit:
            return replace(await unit.history.rollbacks(caller.project, query), stale_since_ms=stale)

    async def publications(self, caller: Caller, query: ListQuery) -> Listed[ListedPublication]:
        """Return a page of publications with their codes."""
        stale = await self._freshness.stale_since(caller.project)
        async with self._database.read() as unit:
            asked = await self._spoken.of_publications(unit, caller.project, query)
            if asked is None:
                return Listed((), None, stale)
            page = await unit.history.publications(caller.project, asked)
            positions: dict[str, set[int]] = {}
            for row in page.rows:
                positions.setdefault(row.campaign_id, set()).update(row.positions)
            codes = {campaign_id: await self._codes(unit, campaign_id, some) for campaign_id, some in positions.items()}
            campaigns = await unit.campaigns.by_ids(caller.project, list(positions))
        listed = [
            ListedPublication(
                row.entry,
                tuple(code for at in row.positions if (code := codes[row.campaign_id].get(at)) is not None),
                campaigns.get(row.campaign_id),
            )
            for row in page.rows
        ]
        return Listed(tuple(listed), page.last, stale)

    async def customers(self, caller: Caller, query: ListQuery) -> Listed[ArchivedCustomer]:
        """Return a page of customers."""
        stale = await self._freshness.stale_since(caller.project)
        async with self._database.read() as unit:
            return replace(await unit.history.customers(caller.project, query), stale_since_ms=stale)

    async def orders(self, caller: Caller, query: ListQuery) -> Listed[ArchivedOrder]:
        """Return a page of orders."""
        stale = await self._freshness.stale_since(caller.project)
        async with self._database.read() as unit:
            return replace(await unit.history.orders(caller.project, query), stale_since_ms=stale)

    async def customer(self, caller: Caller, source_id: str) -> ArchivedCustomer:
        """Return a customer; refuse with CUSTOMER_NOT_FOUND."""
        await self._freshness.require(caller.project)
        async with self._database.read() as unit:
            found = await unit.history.customer(caller.project, source_id)
        if found is None:
            raise DomainError(Reason.CUSTOMER_NOT_FOUND, customer=source_id)
        return found

    async def order(self, caller: Caller, source_id: str) -> ArchivedOrder:
        """Return an order; refuse with ORDER_NOT_FOUND."""
        await self._freshness.require(caller.project)
        async with self._database.read() as unit:
            found = await unit.history.order(caller.project, source_id)
        if found is None:
            raise DomainError(Reason.ORDER_NOT_FOUND, order=source_id)
        return found

    async def rollback(self, caller: Caller, rollback_id: str) -> bytes:
        """Return the ledger entry at the place of a rollback, serialized; refuse with ROLLBACK_NOT_FOUND.

        A rollback never changes: the archive's is as good as the store's, and where it lags the store has it. The
        entry can be of another kind, when nobody has made such a rollback.
        """
        found = None
        if _ROLLBACK_ID.fullmatch(rollback_id):
            async with self._database.read() as unit:
                found = await unit.archive.entry(caller.project, rollback_id)
            found = found or await self._ledger.rollback(caller.project, rollback_id)
        if found is None:
            raise DomainError(Reason.ROLLBACK_NOT_FOUND, rollback=rollback_id)
        return found
