"""What is known of customers apart from what they use."""

from __future__ import annotations

from promo_server.domain.access import Caller
from promo_server.services.archive_ports import ArchiveBatch, Row
from promo_server.services.ports import Clock, Database


class UpsertCustomer:
    """Makes a customer of the caller's project known, or changes what is known."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Keep what writing needs."""
        self._database = database
        self._clock = clock

    async def __call__(self, caller: Caller, customer: Row) -> Row:
        """Return the stored profile; `customer` has what the call says, empty where it says nothing."""
        now_ms = self._clock()
        row = {**customer, "project_id": caller.project, "create_ms": now_ms, "update_ms": now_ms}
        async with self._database.write() as unit:
            await unit.archive.write(caller.project, ArchiveBatch(customers=[row]))
            return await unit.archive.customer(caller.project, row["source_id"])
