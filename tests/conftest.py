"""Fixtures that every kind of test may use; no test logic."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from support.server_process import ServerProcess

from promo_server.embedded import EmbeddedStore, EmbeddedStoreOptions


@pytest_asyncio.fixture
async def embedded_store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    """Yield a store of its own, empty; it does not wait for the disk."""
    directory = tmp_path / "store"
    store = EmbeddedStore(EmbeddedStoreOptions(directory, directory / "s", append_fsync="no"))
    await store.start()
    yield store
    await store.stop()


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Yield a maker of servers, started, each on a state directory of its own; all are stopped at the end."""
    servers: list[ServerProcess] = []

    def make(**environment: str) -> ServerProcess:
        server = ServerProcess(tmp_path / f"s{len(servers)}", **environment)
        servers.append(server)
        server.start()
        return server

    yield make
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Yield a running server that tests share; each makes campaigns of its own, and nobody stops it."""
    # All tests come from one address, and some of them bring wrong credentials.
    shared = ServerProcess(tmp_path_factory.mktemp("shared") / "s", PROMO_LIMITS__FAILED_AUTHENTICATIONS="100000")
    shared.start()
    yield shared
    shared.close()
