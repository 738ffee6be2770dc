"""Runs a worker's rounds until it is stopped, whatever happens in one of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import Counter

from promo_server.domain.errors import DomainError

_LOG = structlog.get_logger(__name__)

_LONGEST_PAUSE_SECONDS = 5.0
_STOP_SECONDS = 5.0
"""How long a round may go on after `stop`: longer than the store's and the database's own timeouts."""


class WorkerLoop:
    """One worker: a round again and again, `pause_seconds` apart, longer after failures."""

    def __init__(
        self,
        name: str,
        run_round: Callable[[], Awaitable[object]],
        pause_seconds: float,
        failures: Counter,
    ) -> None:
        """Prepare; nothing runs before `start`. `failures` counts, by worker, the rounds that failed."""
        self._name = name
        self._run_round = run_round
        self._pause_seconds = pause_seconds
        self._failures = failures
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=f"worker:{self._name}")

    async def stop(self, grace_seconds: float = _STOP_SECONDS) -> None:
        """Let the running round finish, within a time, then end."""
        self._stopping.set()
        if self._task is None:
            return
        await asyncio.wait([self._task], timeout=grace_seconds)
        # What a round leaves undone, the next process finds.
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            pause = self._pause_seconds
            try:
                await self._run_round()
                failures = 0
            except Exception as error:  # noqa: BLE001 - a worker outlives every error of a round
                failures += 1
                pause = min(_LONGEST_PAUSE_SECONDS, max(pause, 0.1) * 2**failures)
                self._failures.labels(self._name).inc()
                self._log(error, pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    def _log(self, error: Exception, pause: float) -> None:
        if isinstance(error, DomainError):
            _LOG.warning("worker.waits", worker=self._name, reason=error.reason.name, seconds=pause)
        else:
            _LOG.error("worker.failed", worker=self._name, seconds=pause, exc_info=error)
