"""Keeps a process of ours running: starts it, restarts it when it dies, stops it with the server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

import structlog

from promo_server import launcher

_FIRST_BACKOFF_SECONDS = 0.1
_MAX_BACKOFF_SECONDS = 5.0
_STABLE_SECONDS = 30.0
"""A process that ran this long is restarted without delay."""
_log = structlog.get_logger(__name__)


async def spawn(*command: str, environment: Mapping[str, str] = MappingProxyType({}), **options: Any) -> Process:  # noqa: ANN401 - what asyncio takes
    """Start a program that dies with the thread that this runs on, with some more in its environment."""
    added = (f"{name}={value}" for name, value in environment.items())
    arguments = (sys.executable, "-I", "-S", launcher.__file__, str(os.getpid()), *added, "--", *command)
    return await asyncio.create_subprocess_exec(*arguments, **options)


class Supervision:
    """The life of one process."""

    def __init__(
        self,
        name: str,
        launch: Callable[[], Awaitable[Process]],
        until_ready: Callable[[Process], Awaitable[None]],
        stop_seconds: float,
        **details: str,
    ) -> None:
        """Keep what starting and stopping need.

        `launch` starts the process; `until_ready` returns when it works, or raises. One that does not end within
        `stop_seconds` of SIGTERM is killed. Events are called `<name>.<what happened>` and carry the details.
        """
        self._name = name
        self._launch_process = launch
        self._until_ready = until_ready
        self._stop_seconds = stop_seconds
        self._log = _log.bind(**details)
        self._process: Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self.restarts = 0
        """How often it died and was started again."""

    @property
    def pid(self) -> int | None:
        """Its process id, None while it is down."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Return when it works; leave nothing behind when it does not."""
        try:
            await self._launch()
        except BaseException:
            await self._terminate()
            raise
        self._watch = asyncio.create_task(self._restart_when_dead(), name=self._name)

    async def stop(self) -> None:
        """Let it finish what it does; do nothing when it does not run."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        await self._terminate()

    async def _launch(self) -> None:
        started = asyncio.get_running_loop().time()
        process = self._process = await self._launch_process()
        await self._until_ready(process)
        seconds = round(asyncio.get_running_loop().time() - started, 3)
        self._log.info(f"{self._name}.started", pid=process.pid, seconds=seconds)

    async def _restart_when_dead(self) -> None:
        backoff = _FIRST_BACKOFF_SECONDS
        loop = asyncio.get_running_loop()
        started = loop.time()
        while True:
            if self._process is not None:
                status = await self._process.wait()
                self._log.error(f"{self._name}.died", pid=self._process.pid, status=status)
            if loop.time() - started > _STABLE_SECONDS:
                backoff = _FIRST_BACKOFF_SECONDS
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, _MAX_BACKOFF_SECONDS)
            started = loop.time()
            self.restarts += 1
            try:
                await self._launch()
            except Exception as error:  # noqa: BLE001 - whatever keeps it from starting, it is tried again
                self._log.error(f"{self._name}.restart_failed", error=str(error), retry_seconds=backoff)
                await self._terminate()

    async def _terminate(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), self._stop_seconds)
        except TimeoutError:
            process.kill()
            await process.wait()
        self._log.info(f"{self._name}.stopped", pid=process.pid, status=process.returncode)
