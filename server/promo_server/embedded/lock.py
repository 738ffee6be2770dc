"""The lock on a store's directory: two servers that write one append-only file destroy it."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

from promo_server.embedded.errors import EmbeddedStoreError

_POLL_SECONDS = 0.05


class DirectoryLock:
    """An exclusive lock, which the store process inherits.

    It is therefore free only when both the server and its store are gone: a server that was killed leaves a store that
    is still writing for a moment.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._descriptor: int | None = None

    @property
    def descriptor(self) -> int:
        """The descriptor to hand down to the store."""
        if self._descriptor is None:
            raise EmbeddedStoreError(f"{self._path} is not locked")
        return self._descriptor

    async def acquire(self, wait_seconds: float) -> None:
        """Take the lock; wait only for the store of a server that no longer runs."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = asyncio.get_running_loop().time() + wait_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
                expired = asyncio.get_running_loop().time() >= deadline
                if expired or (owner.isdigit() and _is_running(int(owner))):
                    os.close(descriptor)
                    raise EmbeddedStoreError(
                        f"{self._path.parent} is in use by process {owner or 'unknown'}; stop that server, "
                        "or choose another directory with PROMO_STATE_DIR",
                    ) from None
            await asyncio.sleep(_POLL_SECONDS)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
