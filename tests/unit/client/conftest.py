from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from support.scripted_server import ScriptedServer

from promo.client import PromoClient, RetryPolicy

KEY = "key_test:secret"


@pytest_asyncio.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as scripted:
        yield scripted


@pytest_asyncio.fixture
async def client(server: ScriptedServer) -> AsyncIterator[PromoClient]:
    policy = RetryPolicy(attempts=4, first_delay=0.001, longest_delay=0.002)
    async with PromoClient.connect(server.address, key=KEY, retry=policy) as connected:
        yield connected
