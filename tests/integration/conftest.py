"""Fixtures of tests against a running server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from support.fleet import Fleet
from support.server_process import KEY, ServerProcess

from promo.client import PromoClient


@pytest_asyncio.fixture
async def client(server: ServerProcess) -> AsyncIterator[PromoClient]:
    """Yield an admin's client of the shared server, patient enough for a busy machine."""
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as connected:
        yield connected


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """Yield checkouts in processes of their own."""
    started = Fleet()
    yield started
    started.close()
