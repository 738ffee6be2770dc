"""The projection: what happened in the store becomes rows of the archive, each exactly once.

A round reads the outboxes of a project, writes the entries they name together with how far it got in one
transaction, and only then trims the outboxes. Whatever dies in between, the next round trims what is left and begins
where the last transaction ended.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import structlog

from promo_server.domain.errors import DomainError
from promo_server.domain.ledger import Checkpoint, StreamId
from promo_server.services.archive_ports import ArchiveBatch, Row, SetAsideEntry
from promo_server.services.ports import Clock, Database
from promo_server.store.ledger import LedgerFact, Notice, RedisLedger
from promo_server.workers.batches import finish, passes
from promo_server.workers.facts import BatchBuilder
from promo_server.workers.metrics import ArchiveMetrics

_LOG = structlog.get_logger(__name__)

_AT_ONCE = 1_000
"""Entries in one transaction: other writers wait for its end."""

_LONGEST_PROBLEM = 500

Progress = dict[int, list[tuple["Notice", "LedgerFact"]]]


class Projection:
    """Projects the ledgers of one project at a time."""

    def __init__(self, database: Database, ledger: RedisLedger, clock: Clock, metrics: ArchiveMetrics) -> None:
        """Keep what projecting needs."""
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._metrics = metrics
        self._checkpoints: dict[str, dict[int, Checkpoint]] = {}
        self._numbers: dict[str, dict[str, int]] = {}
        self._busy: dict[str, int] = {}
        self._trimmed: set[str] = set()
        """Projects whose outboxes have nothing that is in the archive."""

    async def wait(self, project_ids: Sequence[str], block_ms: int) -> Collection[str]:
        """Return the projects that have something waiting, once one has, or none after `block_ms` at the latest."""
        known = {project_id: await self._known(project_id) for project_id in project_ids}
        await self._trim_what_is_left(known)
        return await self._ledger.wait(known, block_ms)

    async def run_round(self, project_id: str) -> int:
        """Project what waits in a project's outboxes, and return how many entries that was."""
        try:
            return await self._run_round(project_id)
        except BaseException:
            self._checkpoints.pop(project_id, None)
            self._trimmed.discard(project_id)
            raise

    async def _run_round(self, project_id: str) -> int:
        known = await self._known(project_id)
        share = max(1, _AT_ONCE // self._busy.get(project_id, self._ledger.partitions))
        read = await self._ledger.notices(project_id, known, share)
        if not read:
            return 0
        self._busy[project_id] = len(read)
        # More partitions can be busy than there were in the round before.
        notices = _cut(read)
        progress = {partition: await self._facts(project_id, partition, some) for partition, some in notices.items()}
        try:
            written = await self._write(project_id, notices, progress)
        except Exception as error:
            self._checkpoints.pop(project_id, None)
            if passes(error):
                raise
            unread = {
                partition: some[-1].ledger
                for partition, some in notices.items()
                if len(some) < len(read[partition]) or len(some) >= share
            }
            written = await self._write_one_by_one(project_id, progress, unread)
        count = sum(len(some) for some in progress.values())
        self._metrics.projected.inc(count)
        await self._trim(project_id, written)
        return count

    async def _known(self, project_id: str) -> dict[int, Checkpoint]:
        known = self._checkpoints.get(project_id)
        if known is None:
            async with self._database.read() as unit:
                known = dict(await unit.archive.checkpoints(project_id))
            self._checkpoints[project_id] = known
        return known

    async def _trim(self, project_id: str, written: Mapping[int, Checkpoint]) -> None:
        """Trim the outboxes of what is in the archive.

        A store that takes no writes for the time being is no reason not to archive what it has: that is trimmed later.
        """
        try:
            await self._ledger.trim_outbox(project_id, {number: done.outbox for number, done in written.items()})
        except DomainError:
            self._trimmed.discard(project_id)

    async def _trim_what_is_left(self, known: Mapping[str, Mapping[int, Checkpoint]]) -> None:
        """Trim what rounds have left that ended before they had trimmed: no news may ever come there again."""
        for project_id in known.keys() - self._trimmed:
            self._trimmed.add(project_id)
            await self._trim(project_id, known[project_id])
            if project_id not in self._trimmed:
                # The store would refuse the others, too.
                return

    async def _facts(
        self,
        project_id: str,
        partition: int,
        notices: Sequence[Notice],
    ) -> list[tuple[Notice, LedgerFact]]:
        facts = await self._ledger.facts(project_id, partition, [notice.ledger for notice in notices])
        by_place = {fact.place: fact for fact in facts}
        found = [(notice, by_place[notice.ledger]) for notice in notices if notice.ledger in by_place]
        if len(found) < len(notices):
            lost = len(notices) - len(found)
            self._metrics.missing.inc(lost)
            _LOG.error("projection.entries_missing", project=project_id, partition=partition, count=lost)
        return found

    async def _write(
        self,
        project_id: str,
        notices: Mapping[int, Sequence[Notice]],
        progress: Progress,
    ) -> Mapping[int, Checkpoint]:
        """Write everything in one transaction; fails with CONFLICT when a slot is active already."""
        reached = {partition: Checkpoint(some[-1].outbox, some[-1].ledger) for partition, some in notices.items()}
        expected = self._checkpoints.get(project_id, {})
        # Built before the transaction, which other writers wait for.
        builder = _build(project_id, progress, expected)
        async with self._database.write() as unit:
            current = await unit.archive.checkpoints(project_id, lock=True)
            if any(current.get(partition) != expected.get(partition) for partition in progress):
                # Another server has projected some of it meanwhile.
                builder = _build(project_id, progress, current)
            await unit.archive.write(project_id, await finish(unit, project_id, builder, self._numbers_of(project_id)))
            reached = {
                partition: max(checkpoint, current.get(partition, Checkpoint()), key=lambda one: one.ledger)
                for partition, checkpoint in reached.items()
            }
            await unit.archive.advance(project_id, reached, self._clock())
        self._checkpoints.setdefault(project_id, {}).update(reached)
        return reached

    def _numbers_of(self, project_id: str) -> dict[str, int]:
        return self._numbers.setdefault(project_id, {})

    async def _write_one_by_one(
        self,
        project_id: str,
        progress: Progress,
        unread: Mapping[int, StreamId],
    ) -> Mapping[int, Checkpoint]:
        """Write entry by entry in the order in which they happened, since they could not be written together.

        One that the archive cannot take is set aside, so that the others go on. It can also be that one takes an active
        slot.

        The use that freed the slot happened before: in a partition that has more to read after `unread`, or behind an
        entry that waits itself. When neither can be, the limit was passed: the entry is kept and the conflict noted.
        """
        written: dict[int, Checkpoint] = {}
        queue = sorted(
            ((fact.place, partition, notice, fact) for partition, some in progress.items() for notice, fact in some),
            key=lambda one: (one[0], one[1]),
        )
        blocked: dict[int, tuple[Notice, LedgerFact]] = {}
        for _, partition, notice, fact in queue:
            if partition in blocked:
                continue
            try:
                written |= await self._write(project_id, {partition: [notice]}, {partition: [(notice, fact)]})
            except Exception as error:
                if passes(error):
                    raise
                if isinstance(error, DomainError):
                    blocked[partition] = (notice, fact)
                else:
                    written |= await self._set_aside(project_id, partition, notice, fact, error)
        if blocked:
            # The oldest only: the others may wait for what is behind it.
            partition, (notice, fact) = min(blocked.items(), key=lambda one: one[1][1].place)
            when = fact.place.milliseconds
            others = (place for other, place in unread.items() if other != partition)
            if not written or all(place.milliseconds > when for place in others):
                try:
                    written |= await self._write_conflict(project_id, partition, notice, fact)
                except Exception as error:
                    if passes(error):
                        raise
                    # Not the slot: there is another row with its id.
                    written |= await self._set_aside(project_id, partition, notice, fact, error)
        return written

    async def _write_conflict(
        self,
        project_id: str,
        partition: int,
        notice: Notice,
        fact: LedgerFact,
    ) -> Mapping[int, Checkpoint]:
        """Write an entry whose slot is taken, as one that does not count, and note that."""
        builder = BatchBuilder(project_id)
        builder.add(partition, fact)
        reached = {partition: Checkpoint(notice.outbox, notice.ledger)}
        async with self._database.write() as unit:
            current = await unit.archive.checkpoints(project_id, lock=True)
            if current.get(partition, Checkpoint()).ledger >= notice.ledger:
                # Another server has written it meanwhile.
                return {partition: current[partition]}
            batch = await finish(unit, project_id, builder, self._numbers_of(project_id))
            slots = [(row["limit_name"], row["slot"]) for row in batch.movements if row["active"] and row["slot"]]
            taken = await unit.archive.active_slots(project_id, slots)
            conflicts = _deactivate(batch, taken, self._clock())
            await unit.archive.write(project_id, batch)
            if conflicts:
                await unit.archive.note_conflicts(conflicts)
            await unit.archive.advance(project_id, reached, self._clock())
        self._metrics.conflicts.inc(len(conflicts))
        for conflict in conflicts:
            _LOG.error("projection.slot_conflict", project=project_id, limit=conflict["limit_name"])
        self._checkpoints.setdefault(project_id, {}).update(reached)
        return reached

    async def _set_aside(
        self,
        project_id: str,
        partition: int,
        notice: Notice,
        fact: LedgerFact,
        error: Exception,
    ) -> Mapping[int, Checkpoint]:
        """Keep an entry apart that the archive cannot take, see set_aside."""
        reached = {partition: Checkpoint(notice.outbox, notice.ledger)}
        problem = f"{type(error).__name__}: {error}".replace("\0", "\ufffd")[:_LONGEST_PROBLEM]
        entry = SetAsideEntry(partition, fact.place, fact.entry, tuple(fact.positions), problem)
        async with self._database.write() as unit:
            current = await unit.archive.checkpoints(project_id, lock=True)
            if current.get(partition, Checkpoint()).ledger >= notice.ledger:
                # Another server has dealt with it meanwhile.
                return {partition: current[partition]}
            await unit.set_aside.add(project_id, entry, self._clock())
            await unit.archive.advance(project_id, reached, self._clock())
        self._metrics.set_aside.inc()
        # What exactly is wrong can name a person; it is kept with the entry, and promo ledger verify tells it.
        _LOG.error("projection.entry_set_aside", project=project_id, entry=entry.id, kind=type(error).__name__)
        self._checkpoints.setdefault(project_id, {}).update(reached)
        return reached


def _cut(read: Mapping[int, Sequence[Notice]]) -> Mapping[int, Sequence[Notice]]:
    """Return as much of what was read as one transaction takes, of each partition something."""
    cut: dict[int, Sequence[Notice]] = {}
    room = _AT_ONCE
    # What those with little leave is for those with much.
    for done, (partition, some) in enumerate(sorted(read.items(), key=lambda one: len(one[1]))):
        cut[partition] = some[: max(1, room // (len(read) - done))]
        room -= len(cut[partition])
    return cut


def _build(project_id: str, progress: Progress, done: Mapping[int, Checkpoint]) -> BatchBuilder:
    """Return what is new in a round: everything after what is done."""
    builder = BatchBuilder(project_id)
    for partition, some in progress.items():
        last = done.get(partition, Checkpoint()).ledger
        for notice, fact in some:
            if notice.ledger > last:
                builder.add(partition, fact)
    return builder


def _deactivate(batch: ArchiveBatch, taken: set[tuple[str, int]], now_ms: int) -> list[Row]:
    """Let movements whose slot is taken not count, and return what to note about them."""
    conflicts: list[Row] = []
    for row in batch.movements:
        if row["active"] and (row["limit_name"], row["slot"]) in taken:
            row["active"] = False
            kept = ("project_id", "partition", "ledger_id", "ordinal", "limit_name", "slot")
            conflicts.append({name: row[name] for name in kept} | {"found_ms": now_ms})
    return conflicts
