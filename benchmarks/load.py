"""The load driver: built once, run per measurement."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

DRIVER = Path(__file__).parent / "driver"

Wire = Literal["grpc", "http", "http-get", "store"]


@dataclass(frozen=True)
class Target:
    """Where calls go, and whose CPU time counts as the server's."""

    wire: Wire
    address: str
    path: str = ""
    authorization: str | None = None
    server_pids: tuple[int, ...] = ()

    def shape(self, in_flight: int) -> tuple[int, int]:
        """Connections and calls on each.

        HTTP/1.1 carries one at a time; HTTP/2 is spread over a few connections, as a few checkout services would.
        """
        if self.wire in {"http", "http-get"}:
            return in_flight, 1
        connections = min(8, in_flight)
        return connections, in_flight // connections


class LoadError(RuntimeError):
    """A measurement that measured something else than it should have."""


@dataclass(frozen=True)
class Measured:
    """One run of the driver; times are in milliseconds."""

    calls_per_second: float
    p50_ms: float
    p99_ms: float
    cores: Mapping[str, float]
    report: Mapping[str, Any]

    def successes(self) -> int:
        """Calls that did what they were sent for, those outside the measured window included."""
        statuses: Mapping[str, int] = self.report["statuses"]
        return sum(statuses.values()) - int(self.report["failed"])


@cache
def driver() -> Path:
    """Builds the driver if needed; returns the program."""
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--message-format=json"]
    built = subprocess.run(command, cwd=DRIVER, check=True, stdout=subprocess.PIPE, text=True)
    for line in built.stdout.splitlines():
        executable = json.loads(line).get("executable")
        if executable:
            return Path(executable)
    raise LoadError("cargo built no load driver")


@dataclass(frozen=True)
class Load:
    """How calls are sent: as fast as `in_flight` of them allow, or at `rate` a second; times in seconds."""

    in_flight: int
    seconds: float
    warm_up: float = 1.0
    rate: float | None = None


def send(
    target: Target,
    bodies: Path,
    cores: Sequence[int],
    load: Load,
    *,
    answers: Path | None = None,
    store_pid: int | None = None,
) -> Measured:
    """Sends the bodies and returns what was measured.

    Latency counts from the moment at which a call was due. Any call that fails makes the measurement void.
    """
    connections, streams = target.shape(load.in_flight)
    command: list[str | Path] = [
        *("taskset", "--cpu-list", ",".join(map(str, cores)), driver()),
        *("--wire", target.wire, "--address", target.address, "--path", target.path, "--bodies", bodies),
        *("--connections", str(connections), "--streams", str(streams)),
        *("--warm-up", str(load.warm_up), "--duration", str(load.seconds)),
    ]
    if target.authorization is not None:
        command += ("--authorization", target.authorization)
    if load.rate is not None:
        command += ("--rate", str(load.rate))
    if answers is not None:
        command += ("--answers", answers)
    if target.server_pids:
        command += ("--watch", f"server={','.join(map(str, target.server_pids))}")
    if store_pid is not None:
        command += ("--watch", f"store={store_pid}")
    finished = subprocess.run(command, check=False, capture_output=True, text=True)
    if finished.returncode != 0:
        raise LoadError(finished.stderr.strip())
    report = json.loads(finished.stdout)
    if report["failed"] or report["unanswered"] or not report["calls"]:
        raise LoadError(f"calls failed: {report['statuses']}, unanswered: {report['unanswered']}")
    return Measured(
        calls_per_second=report["calls_per_second"],
        p50_ms=report["latency_us"]["p50"] / 1000,
        p99_ms=report["latency_us"]["p99"] / 1000,
        cores=report["cores"],
        report=report,
    )
