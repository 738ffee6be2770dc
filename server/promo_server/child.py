"""A process of our own beside the server, which runs one of our modules."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence

from promo_server.supervision import Supervision, spawn

READY = b"ready\n"
"""What a child writes to its standard output once it does its work, or goes on by itself until it can.

Instead, a line that says why it never will."""

_START_SECONDS = 30.0
_KILL_AFTER_SECONDS = 5.0
"""How long a child may take to stop beyond the time that it drains for."""


class Child:
    """One module run as a process, restarted when it dies.

    `start` must run on the main thread: the child dies with the thread that started it.
    """

    def __init__(self, module: str, document: bytes, descriptors: Sequence[int], drain_seconds: float) -> None:
        """Run `module`, which reads `document` from its standard input: secrets stand in no list of processes."""
        self._module = module
        self._document = document
        self._descriptors = tuple(descriptors)
        stop_seconds = drain_seconds + _KILL_AFTER_SECONDS
        self._supervision = Supervision("child", self._launch, self._until_ready, stop_seconds, module=module)

    async def start(self) -> None:
        """Return when the child works. Raise ChildProcessError when it does not."""
        await self._supervision.start()

    async def stop(self) -> None:
        """Let the child finish what it does; do nothing when it does not run."""
        await self._supervision.stop()

    async def _launch(self) -> Process:
        # -P: nothing is imported from the folder that the server happens to be started in.
        command = (sys.executable, "-P", "-m", self._module)
        return await spawn(*command, stdin=PIPE, stdout=PIPE, pass_fds=self._descriptors)

    async def _until_ready(self, process: Process) -> None:
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
            why = line.decode(errors="replace").strip()
            raise ChildProcessError(why or f"{self._module} ended with status {status}; the log says why")
