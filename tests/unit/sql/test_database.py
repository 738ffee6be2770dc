from __future__ import annotations

import asyncio
import secrets
import sys
import traceback
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event, text
from support.databases import Databases, locked
from support.postgresql import PostgresServer

from promo_server.domain.access import Project
from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason
from promo_server.services import pending
from promo_server.services.ports import DataRefusedError
from promo_server.sql.database import SqlDatabase
from promo_server.sql.migrate import NewerDatabaseError, migrate
from promo_server.sql.tables import METADATA
from promo_server.sql.url import DatabaseUrlError, normalised_url

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[SqlDatabase]:
    opened = SqlDatabase(database_url)
    yield opened
    await opened.close()


async def test_migrations_make_the_tables_that_the_queries_use(databases: Databases) -> None:
    database = SqlDatabase(databases.empty())
    await migrate(database)
    async with database.connection() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), METADATA),
        )
    assert differences == []
    await database.close()


async def test_migrating_again_changes_nothing_and_a_newer_database_is_refused(database: SqlDatabase) -> None:
    await migrate(database)
    async with database.connection() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerDatabaseError, match="9999"):
        await migrate(database)


async def test_sqlite_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    database = SqlDatabase(f"sqlite:///{tmp_path}/folder/promo.sqlite")
    async with database.connection() as connection:
        names = ("journal_mode", "synchronous", "foreign_keys")
        found = [(await connection.exec_driver_sql(f"PRAGMA {name}")).scalar() for name in names]
    assert found == ["wal", 2, 1]
    await database.close()


async def test_a_transaction_that_fails_leaves_nothing(database: SqlDatabase) -> None:
    async def fail() -> None:
        async with database.write() as unit:
            await unit.projects.insert(Project("p1", "a", "UTC", 1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.read() as unit:
        assert await unit.projects.all_ids() == []


async def test_a_race_for_a_name_is_a_conflict(database: SqlDatabase) -> None:
    async with database.write() as unit:
        await unit.projects.insert(Project("p1", "a", "UTC", 1))
    with pytest.raises(DomainError) as refused:
        async with database.write() as unit:
            await unit.projects.insert(Project("p2", "a", "UTC", 1))
    assert refused.value.reason is Reason.CONFLICT


async def test_an_error_does_not_tell_what_was_to_be_written(
    database: SqlDatabase, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = secrets.token_hex(16)

    async def conflict() -> None:
        async with database.write() as unit:
            for number in range(2):
                await unit.projects.insert(Project(f"p{number}", secret, secret, 1))

    async def refused_data() -> None:
        async with database.write() as unit:
            await unit.projects.insert(Project("p1", secret, secret, secret))  # type: ignore[arg-type]
            # SQLite takes everything.
            raise DataRefusedError

    async def unavailable() -> None:
        async with database.read() as unit:
            await unit.projects._connection.execute(text("SELECT nothing WHERE :said = ''"), {"said": secret})

    for fail in (conflict, refused_data, unavailable):
        with pytest.raises((DomainError, DataRefusedError)) as refused:
            await fail()
        assert secret not in "".join(traceback.format_exception(refused.value))
    assert secret not in capfd.readouterr().out


async def test_a_locked_database_is_unavailable_and_works_again_afterwards(
    database: SqlDatabase,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("promo_server.sql.database._LOCK_MS", 50)
    impatient = SqlDatabase(database_url)
    async with locked(database_url):
        with pytest.raises(DomainError) as refused:
            async with impatient.write() as unit:
                await unit.projects.insert(Project("p1", "a", "UTC", 1))
        assert refused.value.reason is Reason.DATABASE_UNAVAILABLE
        async with impatient.read() as unit:
            assert await unit.projects.all_ids() == []
    async with impatient.write() as unit:
        await unit.projects.insert(Project("p1", "a", "UTC", 1))
    await impatient.close()
    async with database.read() as unit:
        assert await unit.projects.all_ids() == ["p1"]


async def test_all_who_wait_for_a_locked_database_hear_as_soon_as_the_first(
    database: SqlDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promo_server.sql.database._LOCK_MS", 400)
    impatient = SqlDatabase(database.url)

    async def insert(number: int) -> Reason | None:
        try:
            async with impatient.write() as unit:
                await unit.projects.insert(Project(f"p{number}", f"n{number}", "UTC", 1))
        except DomainError as error:
            return error.reason
        return None

    async with locked(database.url), asyncio.timeout(3):
        endings = await asyncio.gather(*map(insert, range(12)))
    assert set(endings) == {Reason.DATABASE_UNAVAILABLE}
    assert set(await asyncio.gather(*map(insert, range(12)))) == {None}
    await impatient.close()


async def test_a_full_database_is_unavailable_and_whole_when_it_has_room_again(tmp_path: Path) -> None:
    full = SqlDatabase(f"sqlite:///{tmp_path}/promo.sqlite")
    await migrate(full)

    def leave(connection: Any, _record: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + room}")

    async def insert(name: str) -> Reason | None:
        try:
            async with full.write() as unit:
                await unit.projects.insert(Project(name, name * 2_000, "UTC", 1))
        except DomainError as error:
            return error.reason
        return None

    room = 10
    event.listen(full._engine.sync_engine, "connect", leave)
    endings = [await insert(f"p{number:02}") for number in range(40)]
    kept = [f"p{number:02}" for number, one in enumerate(endings) if one is None]
    assert set(endings) == {None, Reason.DATABASE_UNAVAILABLE}
    async with full.read() as unit:
        assert await unit.projects.all_ids() == kept
    await full.close()
    room = 10_000
    assert [await insert(f"q{number:02}") for number in range(40)] == [None] * 40
    async with full.read() as unit:
        assert (await unit.projects.all_ids())[: len(kept)] == kept
    await full.close()


async def test_a_reader_sees_one_state_and_does_not_wait_for_the_writer(database: SqlDatabase) -> None:
    async with database.read() as reader:
        assert await reader.projects.all_ids() == []
        async with database.write() as writer:
            await writer.projects.insert(Project("p1", "a", "UTC", 1))
            async with database.read() as other:
                assert await other.projects.all_ids() == []
        # Committed meanwhile, and not of the state that this one reads.
        assert await reader.projects.all_ids() == []
    async with database.read() as reader:
        assert await reader.projects.all_ids() == ["p1"]


async def test_a_writer_sees_what_was_committed_while_it_waited_for_its_lock(
    database: SqlDatabase, database_url: str
) -> None:
    other = SqlDatabase(database_url)
    async with database.write() as unit:
        await unit.projects.insert(Project("p1", "a", "UTC", 1))

    async def add(by: SqlDatabase) -> None:
        async with by.write() as unit:
            await unit.projects.lock("p1")
            number = len(await unit.projects.all_ids()) + 1
            await unit.projects.insert(Project(f"p{number}", f"n{number}", "UTC", 1))

    # As in two processes: a number is taken twice unless each sees those of all before.
    await asyncio.gather(*(add(by) for _ in range(10) for by in (database, other)))
    async with database.read() as unit:
        assert await unit.projects.all_ids() == [f"p{number}" for number in range(1, 22)]
    await other.close()


async def test_texts_sort_by_their_bytes_whatever_the_database_speaks(database: SqlDatabase) -> None:
    names = ["b", "B", "a", "_", "-", "1", "Z", "é", "a-b", "ab", "a b", "\U0001f600", "\uffee"]
    async with database.write() as unit:
        for name in names:
            await unit.projects.insert(Project(name, name, "UTC", 1))
    async with database.connection() as connection:
        found = [row[0] for row in await connection.execute(text("SELECT name FROM projects ORDER BY name"))]
    assert found == sorted(names, key=str.encode)


async def test_writers_take_turns(database: SqlDatabase) -> None:
    async def count_up() -> None:
        async with database.write() as unit:
            project = await unit.projects.lock("p1")
            await asyncio.sleep(0)
            project = Project(project.id, project.name, "UTC", 1, version=project.version + 1)
            await unit.projects.update(project)

    async with database.write() as unit:
        await unit.projects.insert(Project("p1", "a", "UTC", 1))
    await asyncio.gather(*(count_up() for _ in range(20)))
    async with database.read() as unit:
        found = await unit.projects.by_id("p1")
    assert found is not None
    assert found.version == 21


async def test_a_pending_change_that_changed_again_is_not_forgotten(database: SqlDatabase) -> None:
    change = pending.campaign("p1", 7)
    async with database.write() as unit:
        await unit.pending.add([change, pending.project("p1")])
        seen = await unit.pending.all(None, 10)
        assert [one.kind for one in seen] == [pending.PendingKind.CAMPAIGN, pending.PendingKind.PROJECT]
        await unit.pending.add([change])
        await unit.pending.remove(seen)
        (left,) = await unit.pending.all("p1", 10)
    assert (left.kind, left.target) == (pending.PendingKind.CAMPAIGN, "7")


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:///a.db", "sqlite+aiosqlite"),
        ("postgresql://u:p@h/d", "postgresql+asyncpg"),
        ("postgres://u:p@h/d", "postgresql+asyncpg"),
    ],
)
async def test_urls_get_the_asyncio_driver(url: str, driver: str) -> None:
    assert normalised_url(url).drivername == driver


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://u:word@h/d", "postgresql://u:word@h:port/d", "postgresql://u:word@h:99999/d"]
)
async def test_a_url_of_no_database_that_is_known_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseUrlError, match="sqlite:///FILE or postgresql://") as refused:
        SqlDatabase(url)
    assert "word@" not in str(refused.value)


@pytest.mark.parametrize("name", ["ssl", "sslmode"])
async def test_sslmode_reaches_the_driver_by_its_own_name(name: str) -> None:
    assert normalised_url(f"postgresql://u:p@h/d?{name}=verify-full&host=/run").query == {
        "ssl": "verify-full",
        "host": "/run",
    }


async def test_sslmode_of_a_real_server(postgresql: PostgresServer) -> None:
    with postgresql.database() as url:
        database = SqlDatabase(f"{url}&sslmode=disable")
        async with database.connection() as connection:
            assert (await connection.exec_driver_sql("SELECT 1")).scalar() == 1
        await database.close()


@pytest.mark.parametrize(
    "options",
    ["sslmode=word", "sslmode=require&ssl=require", "sslmode=require&sslmode=require", "word=1", "host=a,b&port=word"],
)
async def test_options_that_no_driver_takes_are_refused_and_never_quoted(options: str) -> None:
    with pytest.raises(DatabaseUrlError, match=r"^sql.url has ") as refused:
        SqlDatabase(f"postgresql://u:word@h/d?{options}")
    assert "word" not in str(refused.value).replace("password", "")


async def test_a_file_has_no_options() -> None:
    with pytest.raises(DatabaseUrlError, match="without options"):
        SqlDatabase("sqlite:///a.db?mode=ro")


async def test_a_missing_driver_is_told_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(DatabaseUrlError, match=r"pip install 'promo-core\[postgresql\]'"):
        SqlDatabase("postgresql://u:word@h/d")


async def test_a_cancelled_transaction_lets_go_of_its_lock(database: SqlDatabase) -> None:
    reached = asyncio.Event()

    async def hold() -> None:
        async with database.write() as unit:
            await unit.projects.insert(Project("p1", "a", "UTC", 1))
            reached.set()
            while True:
                await unit.projects.by_id("p1")

    for _ in range(20):
        reached.clear()
        task = asyncio.create_task(hold())
        await reached.wait()
        await asyncio.sleep(0.002)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(2), database.write() as unit:
            assert await unit.projects.all_ids() == []


async def test_callers_that_are_cancelled_while_they_connect_keep_no_connection(database: SqlDatabase) -> None:
    async def read() -> None:
        async with database.read() as unit:
            await unit.projects.all_ids()

    for turn in range(100):
        task = asyncio.create_task(read())
        for _ in range(turn % 10):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    assert database._engine.pool.checkedout() == 0  # type: ignore[attr-defined]
