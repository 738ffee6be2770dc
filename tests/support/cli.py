"""The command line as a person or a script uses it, against a test's server."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from support import forks
from support.server_process import KEY, ServerProcess


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "promo_server.cli", *arguments]


def environment(server: ServerProcess) -> dict[str, str]:
    return {**server.environment, "PROMO_KEY": KEY, "PROMO_TARGET": server.target}


def promo(server: ServerProcess, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return forks.run(forks.PROMO, arguments, environment(server), stdin)


def text(server: ServerProcess, *arguments: str) -> str:
    """Return what a command that succeeds says to people."""
    done = promo(server, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lines(server: ServerProcess, *arguments: str, status: int = 0, stdin: str = "") -> list[Any]:
    """Return the documents that a command prints for scripts."""
    done = promo(server, *arguments, "--json", stdin=stdin)
    assert done.returncode == status, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def document(server: ServerProcess, *arguments: str, status: int = 0, stdin: str = "") -> Any:
    """Return the one document that a command prints for scripts."""
    [only] = lines(server, *arguments, status=status, stdin=stdin)
    return only


def create_campaign(server: ServerProcess, name: str, *arguments: str) -> Any:
    """Return a new campaign of 1,000 codes that take a fifth off."""
    options = ("--currency", "GBP", "--percent", "20", "--max-discount", "50.00", "--codes", "1000")
    return document(server, "campaigns", "create", name, *options, *arguments)
