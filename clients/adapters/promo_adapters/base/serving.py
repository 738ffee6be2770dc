"""Runs an ASGI application on a socket until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from promo_adapters.base.metrics import RequestMetrics
from promo_adapters.base.protocol import PatientProtocol

_KEEP_ALIVE_SECONDS: Final = 75
"""Longer than proxies keep an idle connection, so that they are the ones who end it."""
_MOST_CONNECTIONS: Final = 10_000
_BACKLOG: Final = 2_048


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def address_of(listener: socket.socket) -> str:
    """Return "host:port" of a socket that listens."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if listener.family == socket.AF_INET6 else f"{host}:{port}"


async def serve(
    app: ASGIApp,
    listener: socket.socket,
    *,
    head_seconds: float,
    drain_seconds: float,
    ready: Callable[[], None],
    metrics: RequestMetrics,
    trusted_proxies: str = "",
) -> None:
    """Serve until SIGTERM or SIGINT, then let requests in progress finish within a time.

    The head of a request must arrive within `head_seconds`. `ready` is called
    when requests are answered. `metrics` hears of what never became a request.
    `trusted_proxies` are addresses and networks,
    with commas, whose X-Forwarded-For tells where a request comes from.
    """
    _allow_many_connections()
    protocol = type("Protocol", (PatientProtocol,), {"head_seconds": head_seconds, "metrics": metrics})
    server = _Server(
        uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            access_log=False,
            log_config=None,
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=trusted_proxies,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=max(1, round(drain_seconds)),
            limit_concurrency=_MOST_CONNECTIONS,
            backlog=_BACKLOG,
        ),
        ready,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.serve([listener])


def _allow_many_connections() -> None:
    """Take as many descriptors as the system gives: platforms open thousands of connections at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # The signals are taken already; uvicorn would raise them again at the end, before anything else is closed.
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    def stop(self) -> None:
        self.should_exit = True
