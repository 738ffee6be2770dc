"""A loop that works off a queue until it is told to stop, and is never stopped in the middle of a step."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from promo_adapters.base.backoff import Backoff

Step: TypeAlias = Callable[[], Awaitable[float | None]]
"""Does what is due; returns the seconds until the next step, 0 for at once, None when there is nothing to do."""

_IDLE_SECONDS = 2.0
"""How soon a worker sees what another process has put into its queue: what was replayed."""
_AFTER_DEFECTS: Final = Backoff(1.0, 300.0)

_log = logging.getLogger(__name__)


class Worker:
    """Runs one step after another. Trouble with the database is waited out.

    So is an error that nobody foresaw: a worker that ended would let its queue grow until a person looks.
    """

    def __init__(self, name: str, step: Step, *, patient: bool = False) -> None:
        """Prepare; `name` is for the log. News do not cut short what a `patient` worker has to wait."""
        self._name = name
        self._patient = patient
        self._step = step
        self._news = asyncio.Event()
        self._stopping = False
        self._defects = 0

    @property
    def failing(self) -> bool:
        """Whether the last step ended by an error that nobody foresaw."""
        return self._defects > 0

    def notify(self) -> None:
        """Say that there is something to do."""
        self._news.set()

    def stop(self) -> None:
        """Let `run` return after the step that is running."""
        self._stopping = True
        self._news.set()

    async def run(self) -> None:
        """Work until stopped."""
        while not self._stopping:
            self._news.clear()
            try:
                wait = await self._step()
                self._defects = 0
            except sqlite3.Error as error:
                _log.error("%s.database_failed error=%s", self._name, error)
                wait = _IDLE_SECONDS
            except Exception as error:  # noqa: BLE001 - the border of a background task
                self._defects += 1
                wait = _AFTER_DEFECTS.milliseconds(self._defects) / 1000
                _log.error("%s.step_failed wait_seconds=%.1f", self._name, wait, exc_info=error)
                await self._sleep(wait, until_news=False)
                continue
            if wait == 0:
                continue
            idle = wait is None
            await self._sleep(_IDLE_SECONDS if wait is None else wait, until_news=idle or not self._patient)

    async def _sleep(self, seconds: float, *, until_news: bool) -> None:
        """Sleep; a stop ends it always."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not self._stopping and (left := end - loop.time()) > 0:
            if not until_news:
                self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), left)
                if until_news:
                    return
