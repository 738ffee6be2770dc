"""Fixtures that every kind of test may use; no test logic."""

from __future__ import annotations

import os

# Before anything imports gRPC, which reads it then: else its remarks stand among what pytest says.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import pytest_asyncio
from redis import Redis
from support.control_plane import ControlPlane, control_plane
from support.databases import Databases, PostgresqlDatabases, SqliteDatabases
from support.postgresql import PostgresServer, why_not
from support.server_process import ServerProcess
from support.store_nodes import StoreNode
from support.store_programs import PROGRAMS, program_of

from promo_server.embedded import EmbeddedStore, EmbeddedStoreOptions

# Shells have what they start in the background ignore Control-C, and so would every program that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.extended)]
"""The kinds of databases that the product knows."""

REDIS = pytest.param("redis", marks=pytest.mark.extended)
"""The shared server whose store is Redis."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs a server of PostgreSQL: the default suite shows the same on SQLite."""
    for item in items:
        if isinstance(item, pytest.Function) and {"postgresql", "own_postgresql"} & set(item.fixturenames):
            item.add_marker(pytest.mark.extended)


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Yield a store that tests share by `embedded_store`; it does not wait for the disk."""
    store = _store(tmp_path_factory.mktemp("store"))
    # A loop of its own, which is nobody's current one: pytest's plugin keeps loops of tests there.
    loop = asyncio.new_event_loop()
    loop.run_until_complete(store.start())
    yield store
    loop.run_until_complete(store.stop())
    loop.close()


@pytest.fixture
def embedded_store(shared_store: EmbeddedStore) -> EmbeddedStore:
    """Return an empty store; nobody stops it."""
    with Redis.from_url(shared_store.url) as client:
        client.flushall()
        client.function_flush()
    return shared_store


@pytest_asyncio.fixture
async def own_store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    """Yield an empty store that the test may stop and start."""
    store = _store(tmp_path / "store")
    await store.start()
    yield store
    await store.stop()


@pytest.fixture(params=PROGRAMS)
def store_program(request: pytest.FixtureRequest) -> Path:
    """Return the program of each kind of store."""
    return program_of(request.param)


@pytest.fixture
def store_node(store_program: Path, tmp_path: Path) -> Iterator[StoreNode]:
    """Yield a running store of each kind that nobody supervises, and that loses nothing when it is killed."""
    with closing(StoreNode(tmp_path / "node", store_program)) as node:
        node.start()
        yield node


def _store(directory: Path) -> EmbeddedStore:
    return EmbeddedStore(EmbeddedStoreOptions(directory, directory / "s", append_fsync="no"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """Yield a PostgreSQL server that tests share; nobody stops it."""
    if why_not():
        pytest.skip(why_not())
    with closing(PostgresServer()) as shared:
        shared.start()
        yield shared


@pytest.fixture(params=KINDS)
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Databases]:
    """Yield a maker of databases, of each kind that the product knows."""
    if request.param == "sqlite":
        yield SqliteDatabases(tmp_path)
        return
    with ExitStack() as made:
        yield PostgresqlDatabases(request.getfixturevalue("postgresql"), made)


@pytest.fixture
def database_url(databases: Databases) -> str:
    """Return the URL of a database with the tables of this release and no row."""
    return databases.with_tables()


@pytest_asyncio.fixture
async def plane(database_url: str, embedded_store: EmbeddedStore) -> AsyncIterator[ControlPlane]:
    """Yield the use cases, on each kind of database and a real store."""
    async with control_plane(database_url, embedded_store.url) as running:
        yield running


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Yield a maker of servers, started, each on a state directory of its own; all are stopped at the end."""
    folders = (tmp_path / f"s{number}" for number in itertools.count())
    with ExitStack() as started:

        def make(**environment: str) -> ServerProcess:
            server = started.enter_context(closing(ServerProcess.with_tables(next(folders), **environment)))
            server.start()
            return server

        yield make


@pytest.fixture(scope="module")
def sqlite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Yield a running server that a module's tests share; each makes campaigns of its own, and nobody stops it."""
    yield from _shared(tmp_path_factory.mktemp("shared") / "s")


@pytest.fixture(scope="module")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory, postgresql: PostgresServer) -> Iterator[ServerProcess]:
    """Yield such a server whose database is PostgreSQL."""
    with postgresql.database() as url:
        yield from _shared(tmp_path_factory.mktemp("shared") / "s", PROMO_SQL__URL=url)


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Yield such a server whose store is a Redis that nobody supervises."""
    folder = tmp_path_factory.mktemp("shared")
    with closing(StoreNode(folder / "redis", program_of("redis"))) as node:
        node.start()
        yield from _shared(folder / "s", PROMO_STORE__URL=node.url)


def _shared(state_dir: Path, **environment: str) -> Iterator[ServerProcess]:
    # All tests come from one address, and some of them bring wrong credentials.
    environment["PROMO_LIMITS__FAILED_AUTHENTICATIONS"] = "100000"
    with closing(ServerProcess.with_tables(state_dir, **environment)) as shared:
        shared.start()
        yield shared


@pytest.fixture
def server(request: pytest.FixtureRequest) -> ServerProcess:
    """Return the shared server; to tests marked `each_database` or `each_store` that of each kind."""
    found: ServerProcess = request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_server")
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" not in metafunc.fixturenames:
        return
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    kinds = [*(KINDS if "each_database" in marks else KINDS[:1]), *([REDIS] if "each_store" in marks else [])]
    if len(kinds) > 1:
        metafunc.parametrize("server", kinds, indirect=True)
