"""A PostgreSQL server of the tests' own, thrown away at the end, when its programs are on this machine."""

from __future__ import annotations

import itertools
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import URL

_OLDEST = 15
"""The first release whose databases can sort as a language does without a locale of the machine."""

_USER = "promo"
_START_SECONDS = 30
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    # What a power cut would take is of no interest here; what a killed server wrote is in its files all the same.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}


@cache
def why_not() -> str:
    """Return why no server can be started here; empty when one can."""
    if _programs() is None:
        return "PostgreSQL is not installed: apt-get install postgresql"
    told = subprocess.run([_program("postgres"), "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+", told)
    if found is None or int(found[0]) < _OLDEST:
        return f"needs PostgreSQL {_OLDEST} or newer, found {told.strip()}"
    return ""


@cache
def _programs() -> Path | None:
    """Return the folder of the programs: that of the path, else the newest of Debian's, which are not on it."""
    on_path = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    folders.extend([Path(on_path).resolve().parent] if on_path else [])
    return folders[-1] if folders else None


def programs() -> str:
    """Return the folder of PostgreSQL's programs."""
    return _program("")


def _program(name: str) -> str:
    folder = _programs()
    assert folder is not None, "PostgreSQL is not installed"
    return str(folder / name)


class PostgresServer:
    """A server that only its own user and root can reach, by a socket in its folder. It dies with the tests."""

    def __init__(self) -> None:
        """Make its data; nothing runs yet. Unlike SQLite's, its databases sort as English does."""
        # Folders of tests are closed to other users, and their paths are too long for a socket.
        self.folder = Path(tempfile.mkdtemp(prefix="promo-pg-"))
        self._as: dict[str, Any] = {"cwd": self.folder, "stdin": subprocess.DEVNULL}
        if os.geteuid() == 0:
            # It refuses to be root.
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._as |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count()
        options = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US")
        command = [_program("initdb"), "-D", "data", "-U", _USER, "--no-sync", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self._as)
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Return when it takes connections."""
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        # It stops at once when the process that started it is gone.
        command = ["setpriv", "--pdeathsig", "QUIT", _program("postgres"), "-D", "data", "-k", str(self.folder)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([*command, *settings], stdout=log, stderr=log, **self._as)
        deadline = time.monotonic() + _START_SECONDS
        ready = [_program("pg_isready"), "--quiet", "-h", str(self.folder)]
        while subprocess.run(ready, check=False).returncode != 0:
            assert self._process.poll() is None, self._log.read_text()[-2000:]
            assert time.monotonic() < deadline, self._log.read_text()[-2000:]
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it as for maintenance: what is not committed is undone, connections are cut."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill it and all that it does at this instant."""
        self._end(signal.SIGQUIT)

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None, "the server was not started"
        self._process.send_signal(number)
        self._process.wait()
        self._process = None

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Stop all of its processes for a while, as a machine or network that hangs does."""
        assert self._process is not None, "the server was not started"
        postmaster = psutil.Process(self._process.pid)
        everything = [postmaster, *postmaster.children(recursive=True)]
        for process in everything:
            process.suspend()
        try:
            yield
        finally:
            for process in everything:
                process.resume()

    def close(self) -> None:
        """Leave nothing behind."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.folder)

    def create(self, name: str, template: str = "template0") -> str:
        """Create a database as a copy of another, and return its URL as an operator writes it."""
        self._run("createdb", "--template", template, "--strategy", "file_copy", name)
        return URL.create("postgresql", _USER, database=name, query={"host": str(self.folder)}).render_as_string()

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """Yield the URL of a database of its own, which is empty unless it is a copy."""
        name = f"test_{next(self._numbers)}"
        yield self.create(name, template)
        self._run("dropdb", "--force", name)

    @property
    def environment(self) -> dict[str, str]:
        """What lets PostgreSQL's own programs find it, and drivers that are told no host."""
        return {"PGHOST": str(self.folder), "PGUSER": _USER}

    def _run(self, program: str, *arguments: str) -> None:
        command = [_program(program), "-h", str(self.folder), "-U", _USER, *arguments]
        # As whoever runs the tests: to start a program as another user is slow, for this process is copied first.
        subprocess.run(command, check=True, cwd=self.folder)
