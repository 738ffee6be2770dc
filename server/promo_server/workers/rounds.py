"""What each worker does in a round."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from promo_server.services.bundles import BundlePublisher
from promo_server.services.operations import OperationRunner
from promo_server.services.ports import Clock, Database, UnitOfWork
from promo_server.services.store_history import StoreHistory
from promo_server.store.ledger import RedisLedger
from promo_server.workers.metrics import ArchiveMetrics, WorkerMetrics
from promo_server.workers.projection import Projection
from promo_server.workers.set_aside import SetAsideEntries

_FORGOTTEN_AT_ONCE = 10_000
_DONE_WORK_KEPT_FOR_MS = 30 * 24 * 3_600_000
"""How long operations, and the refused rows of imports, can be looked at after their end; the contract says it too."""

_BLOCK_MS = 500
"""How long a round waits in the store for a new entry; a project that is made meanwhile waits as long."""


@dataclass(frozen=True, slots=True)
class LedgerRetention:
    """What the store's ledger keeps behind the archive.

    Entries younger than `age_ms` stay, unless a partition has more than `entries`.
    """

    age_ms: int = 24 * 3_600_000
    entries: int = 1_000_000


class ProjectionRounds:
    """Waits in the store for news of any project, then projects those that have some."""

    def __init__(self, database: Database, projection: Projection) -> None:
        """Keep what the rounds need."""
        self._database = database
        self._projection = projection

    async def __call__(self) -> None:
        """Project until nothing waits; what keeps one project from it fails the round after the others had theirs."""
        block_ms = _BLOCK_MS
        while True:
            # Looked up each time: a project that is made while another one is busy has its turn.
            async with self._database.read() as unit:
                projects = await unit.projects.all_ids()
            busy = await self._projection.wait(projects, block_ms)
            if not busy:
                return
            failures = list[Exception]()
            for project_id in busy:
                try:
                    await self._projection.run_round(project_id)
                except Exception as error:  # noqa: BLE001 - raised below
                    failures.append(error)
            if failures:
                raise failures[0]
            block_ms = 0


class SetAsideRounds:
    """Tries the entries that were set aside once more; a process of another release can set some aside at any time."""

    def __init__(self, database: Database, set_aside: SetAsideEntries) -> None:
        """Keep what the rounds need."""
        self._database = database
        self._set_aside = set_aside

    async def __call__(self) -> None:
        """Try those of every project that has some."""
        async with self._database.read() as unit:
            projects = await unit.set_aside.projects()
        for project_id in projects:
            await self._set_aside(project_id)


class TrimRounds:
    """Trims ledgers behind the archive, and measures how far it is behind."""

    def __init__(
        self,
        database: Database,
        ledger: RedisLedger,
        clock: Clock,
        metrics: ArchiveMetrics,
        retention: LedgerRetention,
    ) -> None:
        """Keep what the rounds need."""
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._metrics = metrics
        self._retention = retention

    async def __call__(self) -> None:
        """Trim the ledgers of every project."""
        now_ms = self._clock()
        async with self._database.read() as unit:
            projects = await unit.projects.all_ids()
            known = {project_id: await unit.archive.checkpoints(project_id) for project_id in projects}
        oldest_ms = now_ms
        for project_id, checkpoints in known.items():
            archived = {partition: checkpoint.ledger for partition, checkpoint in checkpoints.items()}
            before_ms = now_ms - self._retention.age_ms
            await self._ledger.trim_ledger(project_id, archived, before_ms, self._retention.entries)
            waiting = await self._ledger.oldest_waiting(project_id)
            oldest_ms = min([oldest_ms, *(place.milliseconds for place in waiting.values())])
        self._metrics.lag_seconds.set((now_ms - oldest_ms) / 1000)


class PublishRounds:
    """Publishes definitions that the store did not take at once, and resumes operations that a server left."""

    def __init__(
        self,
        database: Database,
        publisher: BundlePublisher,
        history: StoreHistory,
        runner: OperationRunner,
        metrics: WorkerMetrics,
    ) -> None:
        """Keep what the rounds need."""
        self._database = database
        self._publisher = publisher
        self._history = history
        self._runner = runner
        self._metrics = metrics

    async def __call__(self) -> None:
        """Publish what waits; when the store has lost some of it, everything waits for the next round."""
        async with self._database.read() as unit:
            waiting = await unit.pending.count()
        self._metrics.pending_definitions.set(waiting)
        if waiting:
            await self._publisher.publish()
        await self._runner.resume()
        await self._history.look()


class CleanRounds:
    """Forgets answers to request ids after their time, and old work that is done."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Keep what the rounds need."""
        self._database = database
        self._clock = clock

    async def __call__(self) -> None:
        """Forget until nothing is left to forget; other writers have their turns between."""
        now_ms = self._clock()
        before_ms = now_ms - _DONE_WORK_KEPT_FOR_MS
        await self._forget(lambda unit: unit.answers.delete_expired(now_ms, _FORGOTTEN_AT_ONCE))
        await self._forget(lambda unit: unit.operations.delete_ended(before_ms, _FORGOTTEN_AT_ONCE))
        await self._forget(lambda unit: unit.imports.forget_refused(before_ms, _FORGOTTEN_AT_ONCE))

    async def _forget(self, some: Callable[[UnitOfWork], Awaitable[int]]) -> None:
        forgotten = _FORGOTTEN_AT_ONCE
        while forgotten == _FORGOTTEN_AT_ONCE:
            async with self._database.write() as unit:
                forgotten = await some(unit)


Sweep = Callable[[], Awaitable[object]]
"""Gives back what expired holds hold; the engine's own."""
