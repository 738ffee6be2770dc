"""Runs the store: starts it, waits until it answers, restarts it when it dies, stops it with the server."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, Process

from promo_server.embedded.binary import find_server
from promo_server.embedded.errors import EmbeddedStoreError
from promo_server.embedded.lock import DirectoryLock
from promo_server.embedded.memory import ALLOCATOR, HUGE_PAGES
from promo_server.embedded.options import EmbeddedStoreOptions
from promo_server.embedded.probe import keep_log_short, last_words, ping
from promo_server.supervision import Supervision, spawn

_READY_POLL_SECONDS = 0.02
_STOP_SECONDS = 20.0
"""A store that does not stop within this time is killed; what it acknowledged is on the disk already."""


class EmbeddedStore:
    """One store process on one directory.

    `start` must run on the main thread: the store dies with the thread that started it.
    """

    def __init__(self, options: EmbeddedStoreOptions) -> None:
        self._options = options
        self._lock = DirectoryLock(options.directory)
        directory = str(options.directory)
        self._supervision = Supervision("store", self._launch, self._until_ready, _STOP_SECONDS, directory=directory)

    @property
    def url(self) -> str:
        """URL of the store; it stays the same over restarts."""
        return self._options.url

    @property
    def pid(self) -> int | None:
        """Process id of the store, None while it is down."""
        return self._supervision.pid

    @property
    def restarts(self) -> int:
        """How often the store died and was started again."""
        return self._supervision.restarts

    async def start(self) -> None:
        """Run the store and return when it answers."""
        self._options.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._lock.acquire(self._options.start_seconds)
        try:
            await self._supervision.start()
        except BaseException:
            self._lock.release()
            raise

    async def stop(self) -> None:
        """Stop the store after it has written everything; do nothing when it does not run."""
        await self._supervision.stop()
        self._lock.release()

    async def _launch(self) -> Process:
        keep_log_short(self._options.log)
        self._options.socket.unlink(missing_ok=True)
        with self._options.log.open("ab") as log:
            return await spawn(
                str(find_server(self._options.server_path)),
                *self._options.arguments(),
                *HUGE_PAGES,
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                # Control-C in a terminal goes to the whole group; the store must outlive the server's drain.
                start_new_session=True,
                environment=ALLOCATOR,
                pass_fds=(self._lock.descriptor,),
            )

    async def _until_ready(self, process: Process) -> None:
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
