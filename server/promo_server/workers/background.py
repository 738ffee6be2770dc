"""A thread of its own for work that may wait when calls need the processor."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine

_NICENESS = 10
"""How far below the calls' own priority the thread runs: it gets about a tenth of a busy core, all of an idle one."""

_JOIN_SECONDS = 15.0


class BackgroundThread:
    """Runs an asyncio program on a thread with low priority until it is told to stop."""

    def __init__(self, name: str, program: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> None:
        """Prepare; `program` gets an event that is set when it is to end."""
        self._program = program
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name=name, daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self._ready.wait()

    async def stop(self) -> None:
        """Tell the program to end, and wait until it has."""
        if self._loop is None or self._stop is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        await asyncio.to_thread(self._thread.join, _JOIN_SECONDS)

    async def _main(self) -> None:
        # On Linux a thread has a priority of its own, which the threads it starts inherit.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await self._program(self._stop)
