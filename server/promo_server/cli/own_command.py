"""How whoever reads what a server prints calls this very command and that server."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - compared with, never listened on


def own_command() -> str:
    """Return what to type for `promo`, which need not be on the PATH of who reads it."""
    command = Path(sys.argv[0])
    found = shutil.which("promo")
    if command.name == "promo" and found is not None and Path(found).samefile(command):
        return "promo"
    if command.name == "promo":
        return shlex.quote(str(command.absolute()))
    return f"{shlex.quote(sys.executable)} -m promo_server.cli"


def reachable(address: str) -> str:
    """Return the address at which this machine reaches what listens on `address`."""
    host, _, port = address.rpartition(":")
    return f"{_EVERYWHERE.get(host, host)}:{port}"
