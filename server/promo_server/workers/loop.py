"""Runs a worker's rounds until it is stopped, whatever happens in one of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import Counter

from promo_server.domain.errors import DomainError

_LOG = structlog.get_logger(__name__)

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0
"""Between a round that failed and the next one."""

_STOP_SECONDS = 5.0
"""How long a round may go on after `stop`; it waits for the store and the database as long as their timeouts say."""

_CANCEL_SECONDS = 2.0
"""How long a round that was cancelled may take to end: a statement that the database works on is not left alone."""


class WorkerLoop:
    """One worker: a round again and again, `pause_seconds` apart, with growing pauses after failures.

    Should it ever end although nobody stopped it, it begins again after a pause, or does what it was made to do then.
    """

    def __init__(
        self,
        name: str,
        run_round: Callable[[], Awaitable[object]],
        pause_seconds: float,
        failures: Counter,
        ended: Callable[[], None] | None = None,
    ) -> None:
        """Prepare; nothing runs before `start`.

        `failures` counts, by worker, the rounds that failed. `ended` is called in place of another start.
        """
        self._name = name
        self._run_round = run_round
        self._pause_seconds = pause_seconds
        self._failures = failures
        self._ended = ended
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def start(self) -> None:
        """Begin."""
        if self._stopping.is_set():
            return
        self._task = asyncio.create_task(self._run(), name=f"worker:{self._name}")
        self._task.add_done_callback(self._look_why)

    async def stop(self, grace_seconds: float = _STOP_SECONDS) -> None:
        """Let the running round finish, within a time, then end."""
        self._stopping.set()
        if self._task is None:
            return
        await asyncio.wait([self._task], timeout=grace_seconds)
        # What a round leaves undone, the next process finds.
        self._task.cancel()
        await asyncio.wait([self._task], timeout=_CANCEL_SECONDS)
        if not self._task.done():
            _LOG.error("worker.left", worker=self._name)

    async def _run(self) -> None:
        backoff = 0.0
        while not self._stopping.is_set():
            pause = self._pause_seconds
            try:
                await self._run_round()
                backoff = 0.0
            except Exception as error:  # noqa: BLE001 - a worker outlives every error of a round
                backoff = min(_LONGEST_PAUSE_SECONDS, max(_FIRST_PAUSE_SECONDS, 2 * backoff, pause))
                pause = backoff
                self._failures.labels(self._name).inc()
                self._log(error, pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    def _look_why(self, task: asyncio.Task[None]) -> None:
        """Do what is to be done when the worker has ended, unless it was stopped."""
        error = None if task.cancelled() else task.exception()
        if self._stopping.is_set():
            return
        _LOG.critical("worker.ended", worker=self._name, exc_info=error)
        if self._ended is not None:
            self._ended()
        else:
            asyncio.get_running_loop().call_later(_LONGEST_PAUSE_SECONDS, self.start)

    def _log(self, error: Exception, pause: float) -> None:
        if isinstance(error, DomainError):
            _LOG.warning("worker.waits", worker=self._name, reason=error.reason.name, seconds=pause)
        else:
            _LOG.error("worker.failed", worker=self._name, seconds=pause, exc_info=error)
