"""Runs the store: starts it, waits until it answers, restarts it when it dies, stops it with the server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import structlog

from promo_server import launcher
from promo_server.embedded.binary import ALLOCATOR, find_server
from promo_server.embedded.errors import EmbeddedStoreError
from promo_server.embedded.lock import DirectoryLock
from promo_server.embedded.options import EmbeddedStoreOptions
from promo_server.embedded.probe import keep_log_short, last_words, ping

_READY_POLL_SECONDS = 0.02
_FIRST_BACKOFF_SECONDS = 0.1
_MAX_BACKOFF_SECONDS = 5.0
_STABLE_SECONDS = 30.0
"""A store that ran this long is restarted without delay."""
_STOP_SECONDS = 20.0
"""A store that does not stop within this time is killed; what it acknowledged is on the disk already."""
_log = structlog.get_logger(__name__)


class EmbeddedStore:
    """One store process on one directory.

    `start` must run on the main thread: the store dies with the thread that started it.
    """

    def __init__(self, options: EmbeddedStoreOptions) -> None:
        self._options = options
        self._lock = DirectoryLock(options.directory)
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._restarts = 0

    @property
    def url(self) -> str:
        """URL of the store; it stays the same over restarts."""
        return self._options.url

    @property
    def pid(self) -> int | None:
        """Process id of the store, None while it is down."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def restarts(self) -> int:
        """How often the store died and was started again."""
        return self._restarts

    async def start(self) -> None:
        """Run the store and return when it answers."""
        server = find_server(self._options.server_path)
        self._options.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._lock.acquire(self._options.start_seconds)
        try:
            await self._launch(server)
        except BaseException:
            await self._terminate()
            self._lock.release()
            raise
        self._watch = asyncio.create_task(self._restart_when_dead(server), name="embedded-store")

    async def stop(self) -> None:
        """Stop the store after it has written everything; do nothing when it does not run."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        await self._terminate()
        self._lock.release()

    async def _launch(self, server: Path) -> None:
        keep_log_short(self._options.log)
        self._options.socket.unlink(missing_ok=True)
        started = asyncio.get_running_loop().time()
        with self._options.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                launcher.__file__,
                str(os.getpid()),
                ALLOCATOR,
                str(server),
                *self._options.arguments(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Control-C in a terminal goes to the whole group; the store must outlive the server's drain.
                start_new_session=True,
                pass_fds=(self._lock.descriptor,),
            )
        await self._wait_until_ready(self._process)
        seconds = round(asyncio.get_running_loop().time() - started, 3)
        _log.info("store.started", pid=self._process.pid, seconds=seconds, directory=str(self._options.directory))

    async def _wait_until_ready(self, process: asyncio.subprocess.Process) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._options.start_seconds
        while True:
            answer = await ping(self._options.socket)
            if answer.startswith(b"+PONG"):
                return
            if process.returncode is not None:
                words = last_words(self._options.log)
                raise EmbeddedStoreError(f"the store ended with status {process.returncode}: {words}")
            if answer.startswith(b"-LOADING"):
                deadline = loop.time() + self._options.start_seconds
            elif loop.time() >= deadline:
                raise EmbeddedStoreError(f"the store does not answer; see {self._options.log}")
            await asyncio.sleep(_READY_POLL_SECONDS)

    async def _restart_when_dead(self, server: Path) -> None:
        backoff = _FIRST_BACKOFF_SECONDS
        loop = asyncio.get_running_loop()
        started = loop.time()
        while True:
            if self._process is not None:
                status = await self._process.wait()
                _log.error("store.died", status=status, log=str(self._options.log))
            if loop.time() - started > _STABLE_SECONDS:
                backoff = _FIRST_BACKOFF_SECONDS
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, _MAX_BACKOFF_SECONDS)
            started = loop.time()
            self._restarts += 1
            try:
                await self._launch(server)
            except (EmbeddedStoreError, OSError) as error:
                _log.error("store.restart_failed", error=str(error), retry_seconds=backoff)
                await self._terminate()

    async def _terminate(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
        _log.info("store.stopped", pid=process.pid, status=process.returncode)
