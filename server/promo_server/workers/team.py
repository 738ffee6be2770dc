"""All workers of a server process."""

from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry

from promo_server.services.ports import Clock, Database
from promo_server.services.use_cases import UseCases
from promo_server.store.ledger import RedisLedger
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
    """Projection, trimming, publishing again, cleaning and sweeping.

    Any number of processes may run them: each round takes what is there and leaves what another one did.
    """

    def __init__(
        self,
        database: Database,
        ledger: RedisLedger,
        use_cases: UseCases,
        clock: Clock,
        registry: CollectorRegistry,
        sweep: Sweep,
        retention: LedgerRetention | None = None,
    ) -> None:
        """Prepare; nothing runs before `start`."""
        metrics = WorkerMetrics(registry)
        self.projection = Projection(database, ledger, clock, metrics)
        trim = TrimRounds(database, ledger, clock, metrics, retention or LedgerRetention())
        publish = PublishRounds(database, use_cases.publisher, use_cases.runner, metrics)
        self._loops = (
            WorkerLoop("projection", ProjectionRounds(database, self.projection), 0.02, metrics),
            WorkerLoop("trim", trim, 10.0, metrics),
            WorkerLoop("publish", publish, 1.0, metrics),
            WorkerLoop("clean", CleanRounds(database, clock), 600.0, metrics),
            WorkerLoop("sweep", sweep, 1.0, metrics),
        )

    def start(self) -> None:
        """Begin all."""
        for loop in self._loops:
            loop.start()

    async def stop(self) -> None:
        """Let running rounds finish, then end all."""
        await asyncio.gather(*(loop.stop() for loop in self._loops))
