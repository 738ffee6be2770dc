"""`promo` in a process of its own that has its imports already: a test of commands runs hundreds of them.

Python's fork server imports the command line once; each command is a fork of it with the arguments, the environment and
the streams that a shell would give it. What a start from nothing does, tests of single commands see, which use
`support.cli.command`.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_SECONDS = 120
_COMMANDS = (
    "campaigns",
    "checkout",
    "codes",
    "customers",
    "ledger",
    "publications",
    "redemptions",
    "store",
    "vouchers",
)
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([f"promo_server.cli.{name}" for name in ("command", "failure", *_COMMANDS)])


def run(arguments: Sequence[str], environment: Mapping[str, str], stdin: str) -> subprocess.CompletedProcess[str]:
    """Return how a command ended and what it printed."""
    with tempfile.TemporaryDirectory(prefix="promo-") as name:
        streams = [Path(name, stream) for stream in ("in", "out", "err")]
        streams[0].write_text(stdin)
        process = _FORKS.Process(target=_become, args=(tuple(arguments), dict(environment), streams))
        process.start()
        process.join(_SECONDS)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(["promo", *arguments], _SECONDS)
        out, err = (stream.read_text() for stream in streams[1:])
        return subprocess.CompletedProcess(["promo", *arguments], process.exitcode, out, err)


def _become(arguments: tuple[str, ...], environment: dict[str, str], streams: Sequence[Path]) -> None:
    from promo_server.cli.command import main  # noqa: PLC0415 - the parent has no use for it

    for descriptor, stream in enumerate(streams):
        opened = os.open(stream, os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115 - for as long as it lives
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["promo", *arguments]
    main(arguments)
