"""Rebuilds an empty store from SQL: definitions, counters, holders, rollbacks.

What only the store knew is gone: live holds, answers to request ids, failed guesses, and entries that the archive had
not got yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from promo.v1 import event_pb2
from promo_server.services.archive_ports import ArchivedPublication, LimitUse, SetAsideEntry
from promo_server.services.bundles import BundlePublisher
from promo_server.services.ports import Clock, Database
from promo_server.services.store_history import forget_store
from promo_server.store import keys
from promo_server.store.counters import Limit, RedisCounters, RestoredCounter
from promo_server.store.ledger import RedisLedger
from promo_server.store.restore import RedisRestore, RestoredPublication, RestoredVoucher
from promo_server.workers.redaction import holder_record
from promo_server.workers.set_aside import SetAsideEntries
from promo_server.workers.verification import PERIODS, limit_of

_AT_ONCE = 1_000
_PERIOD_KEPT_MS = 62 * 24 * 3_600_000
"""How long the counter of a period is kept: longer than any period, since its end is not known here."""


class StoreNotEmptyError(Exception):
    """The store has a ledger of the project: rebuilding would overwrite what it knows better."""


class EntriesSetAsideError(Exception):
    """The archive could not take entries of a project: a rebuilt store would give back what they used."""

    def __init__(self, project_id: str, count: int, first: SetAsideEntry) -> None:
        super().__init__(f"{count} entries of {project_id} are not in the archive")
        self.project_id = project_id
        self.count = count
        self.first = first


@dataclass(slots=True)
class Rebuilt:
    """How much was written, and by project until when the archive knows what happened: its last entry's time."""

    definitions: int = 0
    limits: int = 0
    publications: int = 0
    rolled_back: int = 0
    vouchers: int = 0
    set_aside: int = 0
    """Entries that the archive never takes, and the store so lacks, also from rebuilds before."""
    archived_ms: dict[str, int] = field(default_factory=dict)

    @property
    def things(self) -> int:
        """Everything that was written, counted."""
        return self.definitions + self.limits + self.publications + self.rolled_back + self.vouchers


@dataclass(frozen=True, slots=True)
class RebuildTimes:
    """How long the engine keeps ids of publications and marks of rollbacks, milliseconds."""

    source_id_ms: int
    rollback_ms: int


class StoreRebuild:
    """Rebuilds projects one by one. Run it while no server runs; one that was interrupted begins again."""

    def __init__(
        self,
        database: Database,
        publisher: BundlePublisher,
        counters: RedisCounters,
        restore: RedisRestore,
        ledger: RedisLedger,
        clock: Clock,
        times: RebuildTimes,
        on_progress: Callable[[Rebuilt], None],
    ) -> None:
        """Keep what rebuilding needs; `on_progress` is called now and then with what is done so far."""
        self._database = database
        self._set_aside = SetAsideEntries(database)
        self._publisher = publisher
        self._counters = counters
        self._restore = restore
        self._ledger = ledger
        self._clock = clock
        self._times = times
        self._on_progress = on_progress

    async def __call__(self, *, without_set_aside: bool = False) -> Rebuilt:
        """Return how much was written.

        Raise StoreNotEmptyError before anything is when the store is not empty, and EntriesSetAsideError when there
        are entries that the archive does not take, unless it is to be done `without_set_aside`: it never does then.
        """
        async with self._database.read() as unit:
            projects = await unit.projects.all_ids()
        for project_id in projects:
            if not await self._restore.is_empty(project_id):
                raise StoreNotEmptyError(project_id)
        rebuilt = Rebuilt()
        for project_id in projects:
            rebuilt.set_aside += await self._not_archived(project_id, refused=not without_set_aside)
        for project_id in projects:
            await self._limits(project_id, rebuilt)
            await self._publications(project_id, rebuilt)
            await self._rollbacks(project_id, rebuilt)
            await self._vouchers(project_id, rebuilt)
        # In this order: until the streams are there a rebuild can begin again, and with them every server publishes
        # what waits. Definitions come last, since without them no call can touch what is still being written.
        await forget_store(self._database, keys.named_from())
        for project_id in projects:
            await self._streams(project_id, rebuilt)
        rebuilt.definitions = await self._publisher.publish(rebuilding=True)
        self._on_progress(rebuilt)
        return rebuilt

    async def _not_archived(self, project_id: str, *, refused: bool) -> int:
        """Return how many entries the archive never takes."""
        left = await self._set_aside(project_id)
        if left and refused:
            async with self._database.read() as unit:
                first = await unit.set_aside.page(project_id, None, 1, left_out=False)
            raise EntriesSetAsideError(project_id, left, first[0])
        if left:
            # Before the store is there, which can give to others what they used.
            async with self._database.write() as unit:
                await unit.set_aside.leave_out(project_id)
        async with self._database.read() as unit:
            return await unit.set_aside.count(project_id, left_out=True)

    async def _streams(self, project_id: str, rebuilt: Rebuilt) -> None:
        async with self._database.read() as unit:
            checkpoints = await unit.archive.checkpoints(project_id)
        if checkpoints:
            rebuilt.archived_ms[project_id] = max(one.ledger.milliseconds for one in checkpoints.values())
        await self._ledger.continue_after(project_id, checkpoints)

    async def _limits(self, project_id: str, rebuilt: Rebuilt) -> None:
        after = ""
        async with self._database.read() as unit:
            single_use = await unit.campaigns.single_use(project_id)
        while True:
            async with self._database.read() as unit:
                uses = await unit.archive.limits(project_id, after, _AT_ONCE)
                slots = await unit.archive.slots(project_id, [use.limit for use in uses])
            if not uses:
                return
            counters = [self._counter(use, limit_of(use, single_use), set(slots.get(use.limit, ()))) for use in uses]
            await self._counters.restore(project_id, [one for one in counters if one is not None])
            rebuilt.limits += len(uses)
            self._on_progress(rebuilt)
            after = uses[-1].limit

    def _counter(self, use: LimitUse, limit: Limit, slots: set[int]) -> RestoredCounter | None:
        if limit.further:
            # Slot 1 of the counter stands for the bit, whoever has that.
            free = tuple(slot for slot in range(2, use.highest_slot) if slot not in slots)
            taken = len(slots | {1})
            return RestoredCounter(limit, taken, use.highest_sequence, free, bit=1 in slots)
        if limit.single_use:
            return RestoredCounter(limit, 1, 0) if use.count else None
        if limit.money:
            return RestoredCounter(limit, use.amount, use.highest_sequence)
        free = tuple(slot for slot in range(1, use.highest_slot) if slot not in slots)
        expire_ms = self._clock() + _PERIOD_KEPT_MS if use.kind in PERIODS else None
        return RestoredCounter(limit, use.count, use.highest_sequence, free, expire_ms)

    async def _publications(self, project_id: str, rebuilt: Rebuilt) -> None:
        async with self._database.read() as unit:
            numbers = await unit.campaigns.numbers(project_id)
        cursors: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
        positions: dict[tuple[int, str], list[int]] = defaultdict(list)
        last: ArchivedPublication | None = None
        while True:
            async with self._database.read() as unit:
                found = await unit.archive.publications(project_id, last, _AT_ONCE)
            if not found:
                break
            restored = [self._publication(one, numbers[one.campaign_id]) for one in found]
            for one in restored:
                positions[one.campaign_number, one.customer].append(one.positions[0])
                following, published = cursors[one.campaign_number]
                following = max(following, one.positions[-1] + 1)
                cursors[one.campaign_number] = following, published + len(one.positions)
            await self._restore.publications(project_id, restored)
            last = found[-1]
            # They come by customer, so only the last one of these may have more.
            whole = {key: sorted(positions.pop(key)) for key in list(positions) if key[1] != last.customer}
            await self._restore.customers(project_id, whole)
            rebuilt.publications += len(found)
            self._on_progress(rebuilt)
        await self._restore.customers(project_id, {key: sorted(firsts) for key, firsts in positions.items()})
        await self._restore.cursors(project_id, cursors)

    def _publication(self, one: ArchivedPublication, number: int) -> RestoredPublication:
        published = event_pb2.LedgerEntry.FromString(one.entry).publication
        ttl_ms = one.publish_ms + self._times.source_id_ms - self._clock()
        return RestoredPublication(
            campaign_number=number,
            customer=one.customer,
            source_id=published.source_id,
            source_ttl_ms=ttl_ms if published.source_id else 0,
            positions=one.positions,
            record=holder_record(one.entry),
        )

    async def _rollbacks(self, project_id: str, rebuilt: Rebuilt) -> None:
        after = ""
        while True:
            async with self._database.read() as unit:
                items = await unit.archive.rolled_back_items(project_id, after, _AT_ONCE)
            if not items:
                return
            await self._restore.rolled_back(project_id, items, self._times.rollback_ms)
            rebuilt.rolled_back += len(items)
            self._on_progress(rebuilt)
            after = items[-1]

    async def _vouchers(self, project_id: str, rebuilt: Rebuilt) -> None:
        async with self._database.read() as unit:
            numbers = await unit.campaigns.numbers(project_id)
        after = ("", -1)
        while True:
            async with self._database.read() as unit:
                found = await unit.archive.edited_vouchers(project_id, after, _AT_ONCE)
            if not found:
                return
            await self._restore.vouchers(
                project_id,
                [RestoredVoucher(numbers[one.campaign_id], one.position, one.deleted, one.record) for one in found],
            )
            rebuilt.vouchers += len(found)
            self._on_progress(rebuilt)
            after = (found[-1].campaign_id, found[-1].position)
