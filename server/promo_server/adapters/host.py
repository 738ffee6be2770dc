"""What every process of an adapter does: reads its configuration, runs an engine, serves, and stops on SIGTERM."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from starlette.types import ASGIApp

from promo_adapters.base.metrics import RequestMetrics
from promo_adapters.base.serving import serve
from promo_server.child import READY
from promo_server.runtime import Runtime
from promo_server.telemetry.logs import configure_logs
from promo_server.telemetry.metrics_file import metrics_file, metrics_written

_CONNECT_SECONDS = 5.0


class HostingError(Exception):
    """An adapter that cannot start; the text says why, in one line and without secrets."""


@dataclass(frozen=True, slots=True)
class Hosted:
    """An adapter that can take requests."""

    app: ASGIApp
    metrics: RequestMetrics
    head_seconds: float
    """Time for the head of a request to arrive."""
    trusted_proxies: str = ""
    """Addresses and networks of proxies that say whom they speak for."""


class Readiness:
    """Tells the server, once, that it need not wait any longer for this process."""

    def __init__(self) -> None:
        """Nothing is said yet."""
        self._said = False

    def announce(self) -> None:
        """Let the server go on: requests are answered, or an adapter has said in the log why they wait."""
        if not self._said:
            self._said = True
            _say(READY)


Adapter = Callable[[Mapping[str, Any], Runtime, CollectorRegistry, Readiness], AbstractAsyncContextManager[Hosted]]
"""Makes an adapter of its configuration, over an engine in this process. Raises HostingError.

One that has to wait for something announces its readiness before it can answer, and goes on trying."""


def main(adapter: Adapter) -> None:
    """Serve an adapter until SIGTERM; its configuration is on standard input."""
    config = json.loads(sys.stdin.buffer.read())
    configure_logs(config["log_level"], config["log_format"])
    try:
        uvloop.run(_run(adapter, config))
    except HostingError as error:
        _say(f"{error}\n".encode())
        sys.exit(1)


async def _run(adapter: Adapter, config: Mapping[str, Any]) -> None:
    # The engine decides hot calls here, and forwards the others to the control plane.
    runtime = Runtime(config["runtime"])
    registry = CollectorRegistry()
    readiness = Readiness()
    ProcessCollector(registry=registry)
    metrics = metrics_file(Path(config["metrics_folder"]), config["process"])
    try:
        await runtime.until_healthy(_CONNECT_SECONDS)
        async with (
            adapter(config, runtime, registry, readiness) as hosted,
            metrics_written(metrics, lambda: generate_latest(registry) + runtime.metrics().encode()),
        ):
            await serve(
                hosted.app,
                socket.socket(fileno=config["descriptor"]),
                head_seconds=hosted.head_seconds,
                drain_seconds=config["drain_seconds"],
                metrics=hosted.metrics,
                trusted_proxies=hosted.trusted_proxies,
                ready=readiness.announce,
            )
    finally:
        await runtime.drain(0)


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
