"""Fixtures that every kind of test may use; no test logic."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from support.control_plane import ControlPlane, control_plane
from support.postgresql import PostgresServer, why_not
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


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """Yield a PostgreSQL server that tests share; nobody stops it."""
    if why_not():
        pytest.skip(why_not())
    shared = PostgresServer()
    shared.start()
    yield shared
    shared.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Yield a maker of empty databases of each kind that the product knows, which returns their URLs."""
    names = (f"database{number}" for number in itertools.count())
    if request.param == "sqlite":
        yield lambda: f"sqlite:///{tmp_path}/{next(names)}.sqlite"
        return
    server: PostgresServer = request.getfixturevalue("postgresql")
    with ExitStack() as made:
        yield lambda: made.enter_context(server.database())


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    """Return the URL of an empty database."""
    return new_database()


@pytest_asyncio.fixture
async def plane(database_url: str, embedded_store: EmbeddedStore) -> AsyncIterator[ControlPlane]:
    """Yield the use cases, on each kind of database and a real store."""
    async with control_plane(database_url, embedded_store.url) as running:
        yield running


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
def sqlite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Yield a running server that tests share; each makes campaigns of its own, and nobody stops it."""
    yield from _shared(tmp_path_factory.mktemp("shared") / "s")


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory, postgresql: PostgresServer) -> Iterator[ServerProcess]:
    """Yield such a server whose database is PostgreSQL."""
    with postgresql.database() as url:
        yield from _shared(tmp_path_factory.mktemp("shared") / "s", PROMO_SQL__URL=url)


def _shared(state_dir: Path, **environment: str) -> Iterator[ServerProcess]:
    # All tests come from one address, and some of them bring wrong credentials.
    shared = ServerProcess(state_dir, PROMO_LIMITS__FAILED_AUTHENTICATIONS="100000", **environment)
    shared.start()
    yield shared
    shared.close()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> ServerProcess:
    """Return the shared server; to tests marked `each_database` that of each kind of database."""
    found: ServerProcess = request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_server")
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" in metafunc.fixturenames and metafunc.definition.get_closest_marker("each_database"):
        metafunc.parametrize("server", ["sqlite", "postgresql"], indirect=True)
