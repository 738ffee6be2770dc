"""One REST process: the adapter over an engine of its own, which decides hot calls and forwards the others.

Run by promo_server.rest.processes as `python -m promo_server.rest.host`, with its configuration on standard input.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

import uvloop

from promo.client import InProcessTransport
from promo_adapters.base.serving import serve
from promo_adapters.rest.app import create_app
from promo_adapters.rest.call import Limits
from promo_server.child import READY
from promo_server.runtime import Runtime
from promo_server.telemetry.logs import configure_logs

_CONNECT_SECONDS = 5.0


async def run(config: Mapping[str, Any]) -> None:
    """Serve until SIGTERM."""
    runtime = Runtime(config["runtime"])
    try:
        await runtime.until_healthy(_CONNECT_SECONDS)

        async def healthy() -> bool:
            return runtime.healthy()

        limits = Limits(config["max_body_bytes"], config["read_seconds"])
        app = create_app(partial(InProcessTransport, runtime), healthy, limits)
        await serve(
            app,
            socket.socket(fileno=config["descriptor"]),
            head_seconds=config["read_seconds"],
            drain_seconds=config["drain_seconds"],
            trusted_proxies=config["trusted_proxies"],
            ready=_say_ready,
        )
    finally:
        await runtime.drain(0)


def _say_ready() -> None:
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()


def main() -> None:
    """Read the configuration and serve."""
    config = json.loads(sys.stdin.buffer.read())
    configure_logs(config["log_level"], config["log_format"])
    uvloop.run(run(config))


if __name__ == "__main__":
    main()
