"""Lists the vouchers that stand alone, in the order in which they were made."""

from __future__ import annotations

from dataclasses import dataclass

from promo_server.domain.access import Caller
from promo_server.domain.paging import Page
from promo_server.services.freshness import Freshness
from promo_server.services.ports import Database
from promo_server.services.voucher_ports import StandaloneVoucher, VoucherFilter


@dataclass(frozen=True, slots=True)
class StandalonePage:
    """A page of vouchers that stand alone; `last` and `stale_since` are those of a `VoucherPage`."""

    vouchers: tuple[StandaloneVoucher, ...]
    last: int | None
    stale_since: int | None


class ListStandalone:
    """Lists vouchers of the caller's project."""

    def __init__(self, database: Database, freshness: Freshness) -> None:
        """Keep what listing needs."""
        self._database = database
        self._freshness = freshness

    async def __call__(self, caller: Caller, wanted: VoucherFilter, page: Page) -> StandalonePage:
        """Return a page by the number of the voucher's own campaign."""
        stale_since = await self._freshness.stale_since(caller.project)
        async with self._database.read() as unit:
            found = await unit.vouchers.standalone(caller.project, wanted, page)
        return StandalonePage(found.rows, found.last, stale_since)
