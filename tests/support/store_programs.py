"""The programs that can be a store: the Valkey that the product brings along, and Redis where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from promo_server.embedded.binary import find_server

PROGRAMS = ["bundled", pytest.param("redis", marks=pytest.mark.extended)]
"""The kinds that every machine may have."""

_OLDEST = 7
"""The first release of Redis with functions."""


def program_of(kind: str) -> Path:
    """Return the program of a kind, or skip the test with the reason why there is none."""
    if kind == "bundled":
        return find_server(None)
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("Redis is not installed: apt-get install redis-server")
    told = _version(found)
    release = re.search(r"\bv=(\d+)", told)
    if release is None or int(release[1]) < _OLDEST:
        pytest.skip(f"needs Redis {_OLDEST} or newer, found {told}")
    return Path(found)


@cache
def _version(program: str) -> str:
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
