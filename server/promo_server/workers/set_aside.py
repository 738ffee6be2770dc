"""Entries that the archive could not take, and that it takes after all.

What kept one out can have been a defect of ours, which a later release does not have, or something that has come into
the archive since. Entries behind it were written long ago: so it is written as what it is now, with its rollbacks, and
without a change of a voucher that was changed again; and uses that seemed to pass a limit before a rollback was known
count after it. How far the archive is does not matter here. What a store was rebuilt without stays out: others can have
what it used.

What an entry says of somebody who was erased is taken out while it waits, as far as it can be read then. Now it can say
more, so the erasure of whomever it is about begins again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import structlog

from promo_server.services.archive_ports import SetAsideEntry
from promo_server.services.ports import Database, UnitOfWork
from promo_server.store import ids
from promo_server.store.ledger import LedgerFact
from promo_server.workers.batches import finish, passes
from promo_server.workers.entries import happened_ms, persons_of, read_entry
from promo_server.workers.facts import BatchBuilder, UnreadableEntryError

_LOG = structlog.get_logger(__name__)

_AT_ONCE = 200
"""Entries in one transaction: other writers wait for its end."""


class SetAsideEntries:
    """Writes to the archive what it takes by now of the entries that were set aside."""

    def __init__(self, database: Database) -> None:
        """Keep what writing needs."""
        self._database = database

    async def __call__(self, project_id: str) -> int:
        """Write entries of a project in the order in which they happened, each once; return how many are left."""
        written = 0
        # What an entry waits for can be behind it.
        while taken := await self._once(project_id):
            written += taken
        async with self._database.read() as unit:
            left = await unit.set_aside.count(project_id)
        if written:
            _LOG.info("archive.set_aside_written", project=project_id, count=written, left=left)
        return left

    async def _once(self, project_id: str) -> int:
        written = 0
        last: SetAsideEntry | None = None
        while True:
            async with self._database.read() as unit:
                entries = await unit.set_aside.page(project_id, last, _AT_ONCE, left_out=False)
            if not entries:
                return written
            written += await self._take(project_id, entries)
            last = entries[-1]

    async def _take(self, project_id: str, entries: Sequence[SetAsideEntry]) -> int:
        """Write entries together or, where that cannot be, those that can be by themselves."""
        try:
            return await self._write(project_id, entries)
        except Exception as error:
            if passes(error):
                raise
        if len(entries) == 1:
            return 0
        return sum([await self._take(project_id, [one]) for one in entries])

    async def _write(self, project_id: str, entries: Sequence[SetAsideEntry]) -> int:
        async with self._database.write() as unit:
            # One after the other with the projection, and with other processes that do the same.
            await unit.archive.checkpoints(project_id, lock=True)
            # As they are now: a person can have been erased from them.
            taken = await unit.set_aside.take(project_id, entries)
            builder = BatchBuilder(project_id)
            for one in taken:
                builder.add(one.partition, _fact(one))
            for rollback in await unit.archive.rollbacks_of(project_id, builder.redemption_ids):
                builder.undo(read_entry(rollback).rollback)
            about = [*_persons(taken), *await _keep_later_edits(unit, project_id, builder)]
            batch = await finish(unit, project_id, builder, {})
            await unit.archive.write(project_id, batch)
            await unit.erasures.begin_again(project_id, about)
            for undone in batch.undone:
                rolled_back = ids.place_of_rollback(undone.rollback_id)
                if rolled_back is not None:
                    await unit.archive.withdraw_conflicts(project_id, undone, rolled_back[1])
        return len(taken)


def _fact(entry: SetAsideEntry) -> LedgerFact:
    """Return an entry as the ledger had it; fail when the store could not make it whole, which ended with its id."""
    if read_entry(entry.entry).id != entry.id:
        raise UnreadableEntryError(entry.problem)
    return LedgerFact(entry.place, entry.entry, list(entry.positions))


def _persons(taken: Sequence[SetAsideEntry]) -> Iterator[tuple[str, int]]:
    """Give the persons whom entries name, and when."""
    for one in taken:
        entry = read_entry(one.entry)
        yield from ((person, happened_ms(entry)) for person in persons_of(entry))


async def _keep_later_edits(unit: UnitOfWork, project_id: str, builder: BatchBuilder) -> Sequence[tuple[str, int]]:
    """Leave vouchers that were edited again as they are; return who holds the edited ones, and since when."""
    holders = []
    for campaign_id, positions in builder.edits.items():
        for state in await unit.vouchers.at(project_id, campaign_id, positions):
            if state.record is not None:
                builder.keep_later_edit(campaign_id, state.position, state.record)
            if state.holder is not None:
                holders.append((state.holder, state.publish_ms or 0))
    return holders
