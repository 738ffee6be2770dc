"""The process of the Punchh webhook. Run by AdapterProcesses as `python -m promo_server.adapters.punchh`."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from promo.client import InProcessTransport, PromoClient
from promo_adapters.base.database import DatabaseInUseError
from promo_adapters.punchh.app import PunchhAdapter, create_app
from promo_adapters.punchh.metrics import PunchhMetrics
from promo_adapters.punchh.settings import Settings, SettingsError, load
from promo_server.adapters.host import Hosted, HostingError, Readiness, main
from promo_server.runtime import Runtime

_START_WAIT_SECONDS = 2.0
"""How long the server waits for a file that is in use: as long as a process of a killed server takes to go."""
_POLL_SECONDS = 0.1
_LATE_POLL_SECONDS = 1.0
_LOG_SECONDS = 60.0

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def punchh(
    config: Mapping[str, Any],
    runtime: Runtime,
    registry: CollectorRegistry,
    readiness: Readiness,
) -> AsyncIterator[Hosted]:
    """Yield the adapter, at work on its queues."""
    try:
        settings = load(Path(config["config"]), {})
        client = PromoClient(InProcessTransport(runtime), key=settings.engine.api_key())
        metrics = PunchhMetrics(registry)
        async with AsyncExitStack() as stack:
            adapter = await _entered(settings, client, metrics, stack, readiness)
            yield Hosted(adapter, metrics.requests, settings.webhook.body_seconds)
    except SettingsError as error:
        raise HostingError(str(error)) from None


async def _entered(
    settings: Settings,
    client: PromoClient,
    metrics: PunchhMetrics,
    stack: AsyncExitStack,
    readiness: Readiness,
) -> PunchhAdapter:
    """Return the adapter, once its file is free.

    The process of a killed server keeps it until Braze has answered. The server starts meanwhile: checkouts have
    nothing to do with it, and callers of the webhook wait in front of the socket.
    """
    clock = asyncio.get_running_loop().time
    say_at, poll_seconds = clock() + _START_WAIT_SECONDS, _POLL_SECONDS
    while True:
        try:
            return await stack.enter_async_context(create_app(settings, client, metrics))
        except DatabaseInUseError as error:
            if clock() >= say_at:
                say_at, poll_seconds = clock() + _LOG_SECONDS, _LATE_POLL_SECONDS
                _log.error("punchh.not_answering", error=str(error))
                readiness.announce()
        except (OSError, sqlite3.Error) as error:
            raise HostingError(f"{settings.database}: {error}") from None
        await asyncio.sleep(poll_seconds)


if __name__ == "__main__":
    main(punchh)
