"""Becomes another program, after arranging that it dies with the server.

Run as a program of its own: `python -I launcher.py PARENT_PID [NAME=VALUE...] -- PROGRAM ARGUMENT...`, where names and
values are added to the program's environment. Setting the parent's death signal between fork and exec in the server
itself would run Python in a copy of a process with many threads, which may hang.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


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
    # Control-C in a terminal goes to the whole group; the server says when to stop. A session of its own the program
    # only has if it was started with one: the system shares the processor by session first, and by priority within it.
    if os.getsid(0) != os.getpid():
        os.setpgid(0, 0)
    split = sys.argv.index("--")
    for added in sys.argv[2:split]:
        os.putenv(*added.split("=", 1))
    command = sys.argv[split + 1 :]
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted, arguments are passed as they are


if __name__ == "__main__":
    main()
