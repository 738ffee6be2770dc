"""Rewrites what the archive and the store keep of persons who were erased.

The projection empties the customer's own row at once and notes the person; here their redemptions, publications and
edited vouchers are rewritten, and entries that the archive could not take, some at a time, until none is left. A round
that dies is done again from the start: redacting twice is redacting once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

import structlog

from promo_server.services.freshness import Freshness
from promo_server.services.history_ports import ArchivedEntry, Erasure, HeldVoucher
from promo_server.services.ports import Clock, Database
from promo_server.store.publications import PublishedRecord, RedisPublications
from promo_server.workers.redaction import holder_record, redacted_entry, redacted_override, redacted_record
from promo_server.workers.set_aside_erasure import SetAsideErasure

_LOG = structlog.get_logger(__name__)

_PROJECTS_AT_ONCE = 8
"""Mostly they wait for their entries to be archived."""

_PERSONS_AT_ONCE = 100
_ENTRIES_AT_ONCE = 200
"""Entries in one transaction: other writers wait for its end."""

_Read = Callable[[str], Awaitable[Sequence[ArchivedEntry]]]


class ErasureRounds:
    """Does what is left to do for every erased person."""

    def __init__(
        self,
        database: Database,
        freshness: Freshness,
        publications: RedisPublications,
        clock: Clock,
    ) -> None:
        """Keep what the rounds need."""
        self._database = database
        self._freshness = freshness
        self._publications = publications
        self._set_aside = SetAsideErasure(database, publications)
        self._clock = clock

    async def __call__(self) -> None:
        """Erase everybody who waits and whose entries are all in the archive.

        Projects do not wait for one another: what keeps one fails the round after the others had theirs.
        """
        async with self._database.read() as unit:
            projects = await unit.erasures.projects()
        turns = asyncio.Semaphore(_PROJECTS_AT_ONCE)

        async def in_turn(project_id: str) -> None:
            async with turns:
                await self._erase_of(project_id)

        done = await asyncio.gather(*(in_turn(one) for one in projects), return_exceptions=True)
        for failure in done:
            if failure is not None:
                raise failure

    async def _erase_of(self, project_id: str) -> None:
        last: Erasure | None = None
        while True:
            async with self._database.read() as unit:
                waiting = await unit.erasures.waiting(project_id, last, _PERSONS_AT_ONCE)
            # An entry from before an erasure can still be on its way to the archive, in another partition.
            if not waiting or await self._freshness.stale_since(project_id) is not None:
                return
            held = await self._set_aside(project_id, waiting)
            for one in waiting:
                await self._erase(one, held.get(one.source_id, ()))
            last = waiting[-1]

    async def _erase(self, erasure: Erasure, held: Sequence[HeldVoucher]) -> None:
        """Rewrite everything of one person, and note it when nothing is left.

        `held` are vouchers of theirs of which the archive does not know that.
        """
        async with self._database.read() as unit:
            numbers = await unit.campaigns.numbers(erasure.project_id)
        async for redemptions in self._pages(lambda after: self._redemptions(erasure, after)):
            async with self._database.write() as unit:
                await unit.erasures.rewrite_redemptions(erasure.project_id, _redacted(redemptions))
        async for publications in self._pages(lambda after: self._published(erasure, after)):
            entries = _redacted(publications)
            # The store first: the entry in the archive is what tells that there is something to do.
            await self._publications.rewrite(
                erasure.project_id,
                [
                    PublishedRecord(numbers[one.campaign_id], one.positions, holder_record(entries[one.id]))
                    for one in publications
                    if one.id in entries
                ],
                redacted_record,
            )
            async with self._database.write() as unit:
                await unit.erasures.rewrite_publications(erasure.project_id, entries)
        whole = await self._rewrite_vouchers(erasure.project_id, numbers, held)
        async for vouchers in self._vouchers(erasure):
            whole &= await self._rewrite_vouchers(erasure.project_id, numbers, vouchers)
        if not whole:
            # What was committed meanwhile is in the archive, or set aside, when the next round begins.
            return
        async with self._database.write() as unit:
            await unit.erasures.finish(erasure, self._clock())
        _LOG.info("customer.erased", project=erasure.project_id)

    async def _rewrite_vouchers(
        self, project_id: str, numbers: Mapping[str, int], vouchers: Sequence[HeldVoucher]
    ) -> bool:
        """Take metadata out of vouchers; return False when the store has another edit of one.

        That edit can be on its way to the archive, which has it in the next round, or was set aside: it is redacted
        there, and may never come. So the archive's own is redacted in any case.
        """
        told = [(one, record) for one in vouchers if (record := redacted_override(one.record)) != one.record]
        same = True
        for one, record in told:
            # The store first, as with publications; it has none of a campaign that is not known.
            number = numbers.get(one.campaign_id)
            if number is not None:
                same &= await self._publications.rewrite_voucher(
                    project_id, number, one.position, record, redacted_override
                )
        async with self._database.write() as unit:
            await unit.erasures.rewrite_vouchers(project_id, told)
        return same

    async def _vouchers(self, erasure: Erasure) -> AsyncIterator[Sequence[HeldVoucher]]:
        after = ("", -1)
        while True:
            async with self._database.read() as unit:
                found = await unit.erasures.vouchers(erasure, after, _ENTRIES_AT_ONCE)
            if not found:
                return
            yield found
            after = (found[-1].campaign_id, found[-1].position)

    async def _redemptions(self, erasure: Erasure, after: str) -> Sequence[ArchivedEntry]:
        async with self._database.read() as unit:
            return await unit.erasures.redemptions(erasure, after, _ENTRIES_AT_ONCE)

    async def _published(self, erasure: Erasure, after: str) -> Sequence[ArchivedEntry]:
        async with self._database.read() as unit:
            return await unit.erasures.publications(erasure, after, _ENTRIES_AT_ONCE)

    @staticmethod
    async def _pages(read: _Read) -> AsyncIterator[Sequence[ArchivedEntry]]:
        after = ""
        while found := await read(after):
            yield found
            after = found[-1].id


def _redacted(entries: Sequence[ArchivedEntry]) -> Mapping[str, bytes]:
    """Return the entries that say something of the person, without it, by id."""
    rewritten = {one.id: redacted_entry(one.entry) for one in entries}
    return {one.id: rewritten[one.id] for one in entries if rewritten[one.id] != one.entry}
