"""Fills the archive from the ledger, and trims the ledger behind it."""

from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry

from promo_server.services.ports import Clock
from promo_server.sql.database import SqlDatabase
from promo_server.store.ledger import RedisLedger
from promo_server.workers.loop import WorkerLoop
from promo_server.workers.metrics import ArchiveMetrics
from promo_server.workers.projection import Projection
from promo_server.workers.rounds import LedgerRetention, ProjectionRounds, SetAsideRounds, TrimRounds
from promo_server.workers.set_aside import SetAsideEntries

_SET_ASIDE_SECONDS = 3_600.0
"""Between two tries of what was set aside, the first of which is made at once."""


class Archiver:
    """Projection and trimming, each in rounds; what was set aside is tried again now and then.

    Any number of processes may run one: each round takes what is there and leaves what another one did.
    """

    def __init__(
        self,
        database: SqlDatabase,
        ledger: RedisLedger,
        clock: Clock,
        registry: CollectorRegistry,
        retention: LedgerRetention | None = None,
    ) -> None:
        """Prepare; nothing runs before `start`."""
        self.ended = asyncio.Event()
        """Set when one of them has ended although nobody stopped it: the process is to be replaced."""
        metrics = ArchiveMetrics(registry)
        projection = ProjectionRounds(database, Projection(database, ledger, clock, metrics))
        set_aside = SetAsideRounds(database, SetAsideEntries(database))
        trim = TrimRounds(database, ledger, clock, metrics, retention or LedgerRetention())
        self._loops = (
            WorkerLoop("projection", projection, 0.02, metrics.failures, self.ended.set),
            WorkerLoop("set_aside", set_aside, _SET_ASIDE_SECONDS, metrics.failures, self.ended.set),
            WorkerLoop("trim", trim, 10.0, metrics.failures, self.ended.set),
        )

    def start(self) -> None:
        """Begin all."""
        for loop in self._loops:
            loop.start()

    async def stop(self) -> None:
        """Let running rounds finish, then end."""
        await asyncio.gather(*(loop.stop() for loop in self._loops))
