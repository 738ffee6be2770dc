"""A PostgreSQL server that is stopped, killed, hangs or only reads: clear refusals in time, then it is used again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing

import pytest
import pytest_asyncio
from support.databases import PostgresqlDatabases
from support.postgresql import PostgresServer, why_not

from promo_server.domain.access import Project
from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason
from promo_server.sql.database import SqlDatabase

pytestmark = [pytest.mark.asyncio, pytest.mark.skipif(bool(why_not()), reason=why_not())]

LONGEST_SECONDS = 8.0
"""Less than a call may take."""


@pytest.fixture(scope="module")
def own_postgresql() -> Iterator[PostgresServer]:
    with closing(PostgresServer()) as server:
        server.start()
        yield server


@pytest_asyncio.fixture
async def database(own_postgresql: PostgresServer) -> AsyncIterator[SqlDatabase]:
    with ExitStack() as made:
        opened = SqlDatabase(PostgresqlDatabases(own_postgresql, made).with_tables())
        yield opened
        await opened.close()


async def insert(database: SqlDatabase, name: str) -> Reason | None:
    """Add a project, and return why that was refused, if it was."""
    begun = time.monotonic()
    try:
        async with database.write() as unit:
            await unit.projects.insert(Project(name, name, "UTC", 1))
    except DomainError as error:
        assert time.monotonic() - begun < LONGEST_SECONDS
        return error.reason
    return None


async def ids(database: SqlDatabase) -> list[str]:
    async with database.read() as unit:
        return list(await unit.projects.all_ids())


@pytest.mark.parametrize("kill", [False, True])
async def test_a_server_that_is_gone_is_unavailable_and_used_again_when_it_is_back(
    own_postgresql: PostgresServer, database: SqlDatabase, *, kill: bool
) -> None:
    assert await insert(database, "a") is None
    begun = asyncio.Event()

    async def torn() -> None:
        async with database.write() as unit:
            await unit.projects.insert(Project("torn", "torn", "UTC", 1))
            begun.set()
            while True:
                await asyncio.sleep(0.02)
                await unit.projects.all_ids()

    tearing = asyncio.create_task(torn())
    await begun.wait()
    (own_postgresql.kill if kill else own_postgresql.stop)()
    with pytest.raises(DomainError) as refused:
        await tearing
    assert refused.value.reason is Reason.DATABASE_UNAVAILABLE
    assert [await insert(database, name) for name in "bc"] == [Reason.DATABASE_UNAVAILABLE] * 2
    own_postgresql.start()
    assert await insert(database, "d") is None
    assert await ids(database) == ["a", "d"]


async def test_a_server_that_hangs_is_unavailable_in_time_for_every_caller(
    own_postgresql: PostgresServer, database: SqlDatabase
) -> None:
    assert await insert(database, "a") is None
    with own_postgresql.hanging():
        # More than there are connections.
        found = await asyncio.gather(*(insert(database, f"h{number}") for number in range(30)))
    assert set(found) == {Reason.DATABASE_UNAVAILABLE}
    assert await insert(database, "b") is None
    assert await ids(database) == ["a", "b"]


async def test_a_standby_that_only_reads_is_unavailable_to_writers(database: SqlDatabase) -> None:
    async with database.connection() as connection:
        name = (await connection.exec_driver_sql("SELECT current_database()")).scalar()
        await connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await database.close()
    assert await insert(database, "a") is Reason.DATABASE_UNAVAILABLE
    assert await ids(database) == []


async def test_a_writer_that_stands_still_loses_its_lock_to_the_others(
    database: SqlDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promo_server.sql.database._IDLE_MS", 300)
    assert await insert(database, "a") is None
    still, locked, gone_on = SqlDatabase(database.url), asyncio.Event(), asyncio.Event()

    async def stand_still() -> None:
        async with still.write() as unit:
            await unit.projects.lock("a")
            locked.set()
            await gone_on.wait()
            await unit.projects.lock("a")

    standing = asyncio.create_task(stand_still())
    await locked.wait()
    async with asyncio.timeout(LONGEST_SECONDS), database.write() as unit:
        await unit.projects.lock("a")
    gone_on.set()
    with pytest.raises(DomainError) as refused:
        await standing
    assert refused.value.reason is Reason.DATABASE_UNAVAILABLE
    await still.close()


async def test_every_text_sorts_by_its_bytes(database: SqlDatabase) -> None:
    query = (
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND data_type IN ('text', 'character varying') AND collation_name IS DISTINCT FROM 'C'"
        " AND table_name <> 'alembic_version'"
    )
    async with database.connection() as connection:
        assert (await connection.exec_driver_sql(query)).all() == []
