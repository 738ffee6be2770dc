"""One process of the REST API. Run by AdapterProcesses as `python -m promo_server.adapters.rest`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry

from promo.client import InProcessTransport
from promo_adapters.base.metrics import RequestMetrics
from promo_adapters.rest.app import create_app
from promo_adapters.rest.call import Limits
from promo_server.adapters.host import Hosted, Readiness, main
from promo_server.runtime import Runtime


@asynccontextmanager
async def rest(
    config: Mapping[str, Any],
    runtime: Runtime,
    registry: CollectorRegistry,
    readiness: Readiness,
) -> AsyncIterator[Hosted]:
    """Yield the REST API."""
    del readiness  # it waits for nothing

    async def healthy() -> bool:
        return runtime.healthy()

    limits = Limits(config["max_body_bytes"], config["read_seconds"])
    metrics = RequestMetrics("rest", registry)
    app = create_app(partial(InProcessTransport, runtime), healthy, metrics, limits)
    yield Hosted(app, metrics, config["read_seconds"], config["trusted_proxies"])


if __name__ == "__main__":
    main(rest)
