"""The Punchh adapter in a process of its own, as `promo-punchh` runs it, and what it has written down."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from support.forks import PROMO_PUNCHH, Fork, run
from support.server_process import KEY

from promo_adapters.base.database import connect
from promo_adapters.braze.objects import OUTBOX
from promo_adapters.punchh.store import INBOX

SECRET = "SECRET"
CLIENT = "CLIENT"
BRAZE_KEY = "braze-key"
SECRETS = {
    "PROMO_PUNCHH_ENGINE__KEY": KEY,
    "PROMO_PUNCHH_WEBHOOK__SECRET": SECRET,
    "PROMO_PUNCHH_BRAZE__KEY": BRAZE_KEY,
}
SAMPLES = Path(__file__).resolve().parents[2] / "clients/examples/punchh"

BRAZE_SECONDS = 2.0
"""How long Braze may take; a simulated one shares its thread with the test."""

_WAIT_SECONDS = 30


def sample(name: str) -> dict[str, Any]:
    """Return a sample event."""
    return dict(json.loads((SAMPLES / f"{name}.json").read_text()))


def write_config(folder: Path, target: str | None, braze: str | None, lines: str = "") -> Path:
    """Write the file of an adapter that keeps everything in `folder`; `lines` are added to it."""
    folder.mkdir(exist_ok=True)
    text = f'database = "{folder / "punchh.db"}"\n[webhook]\nclient = "{CLIENT}"\n'
    if target is not None:
        text += f'[engine]\ntarget = "{target}"\n'
    # Waits are short, so that tests are; what is tested is that they are kept.
    text += "[processing]\nfirst_wait_seconds = 0.05\nlongest_wait_seconds = 0.5\n"
    if braze is not None:
        text += f'[braze]\nendpoint = "{braze}"\nfirst_wait_seconds = 0.05\nlongest_wait_seconds = 0.5\n'
        text += f"timeout_seconds = {BRAZE_SECONDS}\n"
    config = folder / "punchh.toml"
    config.write_text(text + lines)
    return config


def states(database: Path) -> dict[str, dict[str, int]]:
    """Return how many entries of each queue are in each state."""
    with closing(connect(database)) as connection:
        return {name: dict(queue.counts(connection)) for name, queue in (("inbox", INBOX), ("outbox", OUTBOX))}


class AdapterProcess:
    """Starts, stops and kills one adapter; `lines` are added to its configuration file."""

    def __init__(self, folder: Path, target: str, braze: str | None, lines: str = "", **environment: str) -> None:
        self.folder = folder
        self.config = write_config(folder, target, braze, lines)
        self.database = folder / "punchh.db"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PROMO_")},
            "PROMO_PUNCHH_LISTEN": "127.0.0.1:0",
            **SECRETS,
            **environment,
        }
        if braze is None:
            del self.environment["PROMO_PUNCHH_BRAZE__KEY"]
        self.url = ""
        self._process: Fork | None = None

    @property
    def log(self) -> Path:
        """What it logged, over all its starts."""
        return self.folder / "log"

    def start(self) -> None:
        """Return when it is ready; it keeps its address over restarts."""
        said = self.folder / "said"
        said.unlink(missing_ok=True)
        arguments = ["--config", str(self.config)]
        self._process = Fork(PROMO_PUNCHH, arguments, self.environment, stdout=said, stderr=self.log)
        line = self._process.first_line()
        assert "is ready: http://" in line, self.log.read_text()[-2000:]
        self.url = line.split()[-1]
        self.environment["PROMO_PUNCHH_LISTEN"] = self.url.split("/")[2]

    def stop(self) -> int:
        """Stop as an operator does, and return the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait_or_kill()

    def kill(self) -> None:
        """Kill at this instant."""
        assert self._process is not None
        self._process.kill()
        self._process.wait_or_kill()

    def close(self) -> None:
        """Leave nothing running."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait_or_kill()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the operator beside it."""
        return run(PROMO_PUNCHH, [*arguments, "--config", str(self.config)], self.environment)

    def states(self) -> dict[str, dict[str, int]]:
        """Return how many entries of each queue are in each state."""
        return states(self.database)

    def document(self, *arguments: str) -> Any:
        """Return what a command prints as JSON."""
        done = self.command(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


async def until(condition: Callable[[], Awaitable[bool]] | Callable[[], bool], what: str) -> None:
    """Return when a condition holds; fail when it does not in half a minute."""
    end = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < end:
        found = condition()
        if found if isinstance(found, bool) else await found:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"did not happen: {what}")
