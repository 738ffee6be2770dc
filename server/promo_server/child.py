"""A process of our own beside the server: started, restarted when it dies, stopped with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence

import structlog

from promo_server import launcher

READY = b"ready\n"
"""What a child writes to its standard output once it does its work."""

_START_SECONDS = 30.0
_FIRST_BACKOFF_SECONDS = 0.1
_MAX_BACKOFF_SECONDS = 5.0
_STABLE_SECONDS = 30.0
"""A child that ran this long is restarted without delay."""
_KILL_AFTER_SECONDS = 5.0
"""How long a child may take to stop beyond the time that it drains for."""
_log = structlog.get_logger(__name__)


class Child:
    """One module run as a process.

    `start` must run on the main thread: the child dies with the thread that started it.
    """

    def __init__(self, module: str, document: bytes, descriptors: Sequence[int], drain_seconds: float) -> None:
        """Run `module`, which reads `document` from its standard input: secrets stand in no list of processes."""
        self._module = module
        self._document = document
        self._descriptors = tuple(descriptors)
        self._drain_seconds = drain_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when the child works. Raise ChildProcessError when it does not."""
        try:
            await self._launch()
        except BaseException:
            await self._terminate()
            raise
        self._watch = asyncio.create_task(self._restart_when_dead(), name=self._module)

    async def stop(self) -> None:
        """Let the child finish what it does; do nothing when it does not run."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        await self._terminate()

    async def _launch(self) -> None:
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            launcher.__file__,
            str(os.getpid()),
            sys.executable,
            # Nothing is imported from the folder that the server happens to be started in.
            "-P",
            "-m",
            self._module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=self._descriptors,
        )
        assert process.stdin is not None  # noqa: S101 - asked for above
        assert process.stdout is not None  # noqa: S101 - asked for above
        try:
            async with asyncio.timeout(_START_SECONDS):
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    process.stdin.write(self._document)
                    await process.stdin.drain()
                process.stdin.close()
                line = await process.stdout.readline()
        except TimeoutError:
            raise ChildProcessError(f"{self._module} was not ready within {_START_SECONDS:.0f} s") from None
        if line != READY:
            status = await process.wait()
            raise ChildProcessError(f"{self._module} ended with status {status}; the log says why")
        _log.info("child.started", module=self._module, pid=process.pid)

    async def _restart_when_dead(self) -> None:
        backoff = _FIRST_BACKOFF_SECONDS
        loop = asyncio.get_running_loop()
        started = loop.time()
        while True:
            if self._process is not None:
                status = await self._process.wait()
                _log.error("child.died", module=self._module, pid=self._process.pid, status=status)
            if loop.time() - started > _STABLE_SECONDS:
                backoff = _FIRST_BACKOFF_SECONDS
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, _MAX_BACKOFF_SECONDS)
            started = loop.time()
            try:
                await self._launch()
            except OSError as error:
                _log.error("child.restart_failed", module=self._module, error=str(error), retry_seconds=backoff)
                await self._terminate()

    async def _terminate(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), self._drain_seconds + _KILL_AFTER_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
        _log.info("child.stopped", module=self._module, pid=process.pid, status=process.returncode)
