"""All workers of a server process."""

from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry

from promo_server.services.freshness import Freshness
from promo_server.services.ports import Clock
from promo_server.services.use_cases import UseCases
from promo_server.sql.database import SqlDatabase
from promo_server.store.ledger import RedisLedger
from promo_server.store.publications import RedisPublications
from promo_server.workers.background import BackgroundThread
from promo_server.workers.erasure import ErasureRounds
from promo_server.workers.loop import WorkerLoop
from promo_server.workers.metrics import WorkerMetrics
from promo_server.workers.projection import Projection
from promo_server.workers.rounds import (
    CleanRounds,
    LedgerRetention,
    ProjectionRounds,
    PublishRounds,
    Sweep,
    TrimRounds,
)


class Workers:
    """Projection, trimming, publishing again, cleaning, sweeping and erasing.

    Any number of processes may run them: each round takes what is there and leaves what another one did. Projection
    and trimming have a thread, connections and a low priority of their own, since nobody waits for them while the
    processor is busy with checkouts.
    """

    def __init__(
        self,
        database: SqlDatabase,
        ledger: RedisLedger,
        publications: RedisPublications,
        use_cases: UseCases,
        clock: Clock,
        registry: CollectorRegistry,
        sweep: Sweep,
        retention: LedgerRetention | None = None,
    ) -> None:
        """Prepare; nothing runs before `start`."""
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._metrics = metrics = WorkerMetrics(registry)
        self._retention = retention or LedgerRetention()
        publish = PublishRounds(database, use_cases.publisher, use_cases.runner, metrics)
        erase = ErasureRounds(database, Freshness(database, ledger), publications, clock)
        self._loops = (
            WorkerLoop("publish", publish, 1.0, metrics),
            WorkerLoop("clean", CleanRounds(database, clock), 600.0, metrics),
            WorkerLoop("sweep", sweep, 1.0, metrics),
            WorkerLoop("erase", erase, 1.0, metrics),
        )
        self._background = BackgroundThread("projection", self._project)

    def start(self) -> None:
        """Begin all."""
        for loop in self._loops:
            loop.start()
        self._background.start()

    async def stop(self) -> None:
        """Let running rounds finish, then end all."""
        await asyncio.gather(self._background.stop(), *(loop.stop() for loop in self._loops))

    async def _project(self, stop: asyncio.Event) -> None:
        """Project and trim until told to stop, on connections that belong to this thread's loop."""
        database, ledger = self._database.twin(), self._ledger.twin()
        projection = Projection(database, ledger, self._clock, self._metrics)
        trim = TrimRounds(database, ledger, self._clock, self._metrics, self._retention)
        loops = (
            WorkerLoop("projection", ProjectionRounds(database, projection), 0.02, self._metrics),
            WorkerLoop("trim", trim, 10.0, self._metrics),
        )
        for loop in loops:
            loop.start()
        await stop.wait()
        await asyncio.gather(*(loop.stop() for loop in loops))
        await ledger.close()
        await database.close()
