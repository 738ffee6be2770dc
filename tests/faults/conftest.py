"""Fixtures of tests that break things."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from support.server_process import KEY, ServerProcess

from promo.client import PromoClient


@pytest.fixture
def own_server(new_server: Callable[..., ServerProcess]) -> ServerProcess:
    """Return a server that the test may kill."""
    return new_server()


@pytest_asyncio.fixture
async def client(own_server: ServerProcess) -> AsyncIterator[PromoClient]:
    """Yield an admin's client of that server."""
    async with PromoClient.connect(own_server.target, key=KEY, timeout=30.0) as connected:
        yield connected
