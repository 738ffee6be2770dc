"""Becomes the store process, after arranging that it dies with the server.

Run as a program of its own: `python -I launcher.py PARENT_PID PROGRAM ARGUMENT...`. Setting the parent's death signal
between fork and exec in the server itself would run Python in a copy of a process with many threads, which may hang.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

ALLOCATOR = "glibc.malloc.tcache_count=2000:glibc.malloc.top_pad=16777216:glibc.malloc.trim_threshold=268435456"
"""Tunes the C library's allocator, which the bundled store is built with, for a store: what is freed is used again soon.

More small pieces stay at hand, and the heap grows and shrinks in large steps. It costs some tens of MiB at most, and
takes a tenth off what a commit costs the store. Stores with an allocator of their own do not notice.
"""


def main() -> None:
    """Ask for SIGTERM when the parent dies, then become the program."""
    parent = int(sys.argv[1])
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
            sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    # The parent may have died before the signal was arranged.
    if os.getppid() != parent:
        sys.exit("the server is gone")
    os.putenv("GLIBC_TUNABLES", ALLOCATOR)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is wanted, arguments are passed as they are


if __name__ == "__main__":
    main()
