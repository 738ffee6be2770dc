"""Fixtures of tests against the REST API of a running server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import pytest
import pytest_asyncio
from support.rest import RestCaller
from support.server_process import KEY, ServerProcess

from promo.client import PromoClient


@pytest.fixture(scope="module")
def rest_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Yield a running server with its REST API that a module's tests share; nobody stops it."""
    with_rest = ServerProcess.with_tables(
        tmp_path_factory.mktemp("rest") / "s",
        PROMO_HTTP__LISTEN="127.0.0.1:0",
        PROMO_HTTP__MAX_BODY_BYTES="65536",
        PROMO_HTTP__READ_SECONDS="1.5",
        PROMO_LIMITS__UNKNOWN_CODES="0",
        PROMO_LIMITS__FAILED_AUTHENTICATIONS="100000",
    )
    with closing(with_rest) as server:
        server.start()
        yield server


@pytest.fixture
def rest(rest_server: ServerProcess) -> RestCaller:
    """Return a caller with the admin's key."""
    return RestCaller(rest_server.rest)


@pytest_asyncio.fixture
async def client(rest_server: ServerProcess) -> AsyncIterator[PromoClient]:
    """Yield an admin's client of the same server, over gRPC."""
    async with PromoClient.connect(rest_server.target, key=KEY, timeout=30.0) as connected:
        yield connected
