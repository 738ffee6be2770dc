"""A server as a newcomer runs it, with its own store and database, for benches of the control plane."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ours import KEY
from benchmarks.processes import STOP_SECONDS, StartError


@dataclass(frozen=True)
class Embedded:
    """A running server and what a command needs to call it."""

    target: str
    pid: int
    environment: dict[str, str]
    folder: Path

    def promo(self, *arguments: str) -> list[str]:
        """A command line of `promo`."""
        return [sys.executable, "-m", "promo_server.cli", *arguments]


@contextmanager
def serving() -> Iterator[Embedded]:
    """Runs a server in a folder of its own until the block ends."""
    with tempfile.TemporaryDirectory(prefix="promo-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        own = {"PROMO_STATE_DIR": str(folder / "state"), "PROMO_GRPC__LISTEN": "127.0.0.1:0"}
        own |= {"PROMO_TELEMETRY__LISTEN": "127.0.0.1:0", "PROMO_AUTH__BOOTSTRAP_KEYS": KEY}
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PROMO_")} | own
        log = folder / "log"
        command = [sys.executable, "-m", "promo_server.cli", "serve", "--json"]
        with log.open("wb") as errors:
            process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors)
        try:
            line = process.stdout.readline() if process.stdout else b""
            if not line:
                raise StartError(f"the server does not serve:\n{log.read_text(errors='replace')[-4000:]}")
            target = str(json.loads(line)["grpc"])
            environment |= {"PROMO_TARGET": target, "PROMO_KEY": KEY}
            yield Embedded(target, process.pid, environment, folder)
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def memory(pid: int, field: str) -> float:
    """MiB that the kernel says a process has (VmRSS) or had at most (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) / 1024
    raise LookupError(field)


def forget_peak(pid: int) -> None:
    """Lets VmHWM of a process begin anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
