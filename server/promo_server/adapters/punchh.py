"""The process of the Punchh webhook. Run by AdapterProcesses as `python -m promo_server.adapters.punchh`."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from promo.client import InProcessTransport, PromoClient
from promo_adapters.base.database import DatabaseInUseError
from promo_adapters.punchh.app import PunchhAdapter, create_app
from promo_adapters.punchh.metrics import PunchhMetrics
from promo_adapters.punchh.settings import Settings, SettingsError, load
from promo_server.adapters.host import Hosted, HostingError, main
from promo_server.runtime import Runtime

_IN_USE_SECONDS = 25.0
"""How long the process of a killed server may go on: it still waits for Braze's answer."""
_IN_USE_POLL_SECONDS = 0.1


@asynccontextmanager
async def punchh(config: Mapping[str, Any], runtime: Runtime, registry: CollectorRegistry) -> AsyncIterator[Hosted]:
    """Yield the adapter, at work on its queues."""
    try:
        settings = load(Path(config["config"]), {})
        client = PromoClient(InProcessTransport(runtime), key=settings.engine.api_key())
        metrics = PunchhMetrics(registry)
        async with AsyncExitStack() as stack:
            adapter = await _entered(settings, client, metrics, stack)
            yield Hosted(adapter, metrics.requests, settings.webhook.body_seconds)
    except (SettingsError, DatabaseInUseError) as error:
        raise HostingError(str(error)) from None


async def _entered(
    settings: Settings,
    client: PromoClient,
    metrics: PunchhMetrics,
    stack: AsyncExitStack,
) -> PunchhAdapter:
    """Return the adapter, opened."""
    deadline = asyncio.get_running_loop().time() + _IN_USE_SECONDS
    while True:
        try:
            return await stack.enter_async_context(create_app(settings, client, metrics))
        except DatabaseInUseError:
            if asyncio.get_running_loop().time() > deadline:
                raise
        except (OSError, sqlite3.Error) as error:
            raise HostingError(f"{settings.database}: {error}") from None
        await asyncio.sleep(_IN_USE_POLL_SECONDS)


if __name__ == "__main__":
    main(punchh)
