"""The workers of a server's own process."""

from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry

from promo_server.services.freshness import Freshness
from promo_server.services.ports import Clock
from promo_server.services.use_cases import UseCases
from promo_server.sql.database import SqlDatabase
from promo_server.store.ledger import RedisLedger
from promo_server.store.publications import RedisPublications
from promo_server.workers.erasure import ErasureRounds
from promo_server.workers.loop import WorkerLoop
from promo_server.workers.metrics import WorkerMetrics
from promo_server.workers.rounds import CleanRounds, PublishRounds, Sweep


class Workers:
    """Publishing again, taking late codes back, cleaning, sweeping and erasing.

    What fills the archive has a process of its own, see archiver.

    Any number of processes may run them: each round takes what is there and leaves what another one did.
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
    ) -> None:
        """Prepare; nothing runs before `start`."""
        metrics = WorkerMetrics(registry)
        publish = PublishRounds(database, use_cases.publisher, use_cases.store_history, use_cases.runner, metrics)
        erase = ErasureRounds(database, Freshness(database, ledger), publications, clock)
        self._loops = (
            WorkerLoop("publish", publish, 1.0, metrics.failures),
            WorkerLoop("late_codes", use_cases.take_late_codes_back, 10.0, metrics.failures),
            WorkerLoop("clean", CleanRounds(database, clock), 600.0, metrics.failures),
            WorkerLoop("sweep", sweep, 1.0, metrics.failures),
            WorkerLoop("erase", erase, 1.0, metrics.failures),
        )

    def start(self) -> None:
        """Begin all."""
        for loop in self._loops:
            loop.start()

    async def stop(self) -> None:
        """Let running rounds finish, then end all."""
        await asyncio.gather(*(loop.stop() for loop in self._loops))
