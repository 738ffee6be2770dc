"""Our programs in processes of their own that have their imports already: tests run hundreds of servers and commands.

Python's fork server imports them once; each command is a fork of it with the arguments, the
environment and the streams that a shell would give it. What a start from nothing does, tests of single commands see
(`support.cli.command`), and those of the documentation's pages, which type what a reader does.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PROMO = "promo_server.cli.command"
PROMO_PUNCHH = "promo_adapters.punchh.cli"
"""The modules of the programs, each with a `main`."""

_SECONDS = 60
"""How long a command may take, and a server to its first line; less than a test may."""

_POLL_SECONDS = 0.01
_END_SECONDS = 30
_COMMANDS = (
    "campaigns",
    "checkout",
    "codes",
    "customers",
    "ledger",
    "publications",
    "redemptions",
    "serve",
    "store",
    "vouchers",
)
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [PROMO, PROMO_PUNCHH, "promo_server.cli.failure", *(f"promo_server.cli.{name}" for name in _COMMANDS)]
)


def _kill_what_runs() -> None:
    for process in multiprocessing.active_children():
        process.kill()


# Before multiprocessing's own look at what runs, which waits for its end: what is registered last comes first.
atexit.register(_kill_what_runs)


class Fork:
    """A command that runs, with what tests use of `subprocess.Popen`; files are its streams."""

    def __init__(
        self,
        program: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        stdout: Path,
        stderr: Path,
        stdin: Path = Path(os.devnull),
        folder: Path | None = None,
    ) -> None:
        """Start it, in a folder of its own if one is named; what it writes is added to the files."""
        self._command = [program, *arguments]
        self._stdout, self._stderr = stdout, stderr
        streams = (str(stdin), str(stdout), str(stderr))
        self._process = _FORKS.Process(
            target=_become, args=(program, tuple(arguments), dict(environment), streams, folder)
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    def first_line(self) -> str:
        """Return the first line that it writes, "" when it ends without one. Raise TimeoutExpired if neither comes."""
        deadline = time.monotonic() + _SECONDS
        while self.poll() is None:
            if self._stdout.exists() and (line := self._stdout.read_text().partition("\n"))[1]:
                return line[0]
            if time.monotonic() > deadline:
                raise self._expired(_SECONDS)
            time.sleep(_POLL_SECONDS)
        return ""

    def poll(self) -> int | None:
        """Return its exit status, a negative number after a signal, None while it runs."""
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        """Return its exit status once it has ended. Raise TimeoutExpired when it takes longer."""
        self._process.join(seconds)
        status = self._process.exitcode
        if status is None:
            raise self._expired(seconds or 0)
        return status

    def _expired(self, seconds: float) -> subprocess.TimeoutExpired:
        expired = subprocess.TimeoutExpired(self._command, seconds)
        for stream in (self._stdout, self._stderr):
            if stream.exists():
                expired.add_note(f"{stream.name}: {stream.read_text()[-2000:]}")
        return expired

    def wait_or_kill(self) -> int:
        """Return its exit status once it has ended; kill it when it does not end by itself."""
        try:
            return self.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.wait()

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it at this instant."""
        self._process.kill()


def run(
    program: str, arguments: Sequence[str], environment: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Return how a command ended and what it printed."""
    with tempfile.TemporaryDirectory(prefix="promo-") as name:
        given, out, err = (Path(name, stream) for stream in ("in", "out", "err"))
        given.write_text(stdin)
        command = Fork(program, arguments, environment, stdin=given, stdout=out, stderr=err)
        try:
            status = command.wait(_SECONDS)
        finally:
            command.kill()
        return subprocess.CompletedProcess([program, *arguments], status, out.read_text(), err.read_text())


def _become(
    program: str,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    streams: Sequence[str],
    folder: Path | None,
) -> None:
    for descriptor, stream in enumerate(streams):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND if descriptor else os.O_RDONLY
        opened = os.open(stream, flags, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115 - for as long as it lives
    os.environ.clear()
    os.environ.update(environment)
    if folder is not None:
        os.chdir(folder)
    sys.argv = [program, *arguments]
    # What the parent has is never garbage here.
    gc.freeze()
    importlib.import_module(program).main()
