"""The SQLite file under an adapter."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest

from promo_adapters.base.database import Database, DatabaseInUseError
from promo_adapters.base.queue import SCHEMA, Queue, State, Verdict

pytestmark = pytest.mark.asyncio
QUEUE = Queue("q")


def put(connection: sqlite3.Connection, key: str, subject: str = "", verdict: Verdict | None = None) -> bool:
    return QUEUE.put(connection, key=key, kind="k", subject=subject, body=b"x", now_ms=1, verdict=verdict)


async def test_a_repeated_key_is_put_once_however_many_put_it(tmp_path: Path) -> None:
    async with Database(tmp_path / "d", SCHEMA) as database:
        new = await asyncio.gather(*(database.write(lambda c: put(c, "same")) for _ in range(50)))
        assert sorted(new) == [False] * 49 + [True]


async def test_a_work_that_fails_leaves_no_trace_and_the_others_are_kept(tmp_path: Path) -> None:
    def failing(connection: sqlite3.Connection) -> None:
        put(connection, "lost")
        raise ValueError("no")

    async with Database(tmp_path / "d", SCHEMA) as database:
        results = await asyncio.gather(
            database.write(lambda c: put(c, "a")),
            database.write(failing),
            database.write(lambda c: put(c, "b")),
            return_exceptions=True,
        )
        assert results[0] is results[2] is True
        assert isinstance(results[1], ValueError)
        keys = await database.read(lambda c: [entry.key for entry in QUEUE.due(c, 1, 10)])
        assert keys == ["a", "b"]


async def test_commits_wait_for_the_disk(tmp_path: Path) -> None:
    async with Database(tmp_path / "d", SCHEMA) as database:
        modes = await database.read(
            lambda c: (c.execute("PRAGMA journal_mode").fetchone()[0], c.execute("PRAGMA synchronous").fetchone()[0]),
        )
        assert modes == ("wal", 2)


async def test_only_the_owner_can_read_what_guests_say(tmp_path: Path) -> None:
    async with Database(tmp_path / "new" / "d", SCHEMA) as database:
        await database.write(lambda c: put(c, "a"))
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
        assert modes == {0o600}


async def test_a_file_serves_one_adapter(tmp_path: Path) -> None:
    async with Database(tmp_path / "d", SCHEMA):
        with pytest.raises(DatabaseInUseError, match="in use by another adapter"):
            await Database(tmp_path / "d", SCHEMA).__aenter__()
    async with Database(tmp_path / "d", SCHEMA):
        pass


async def test_a_locked_file_fails_the_write_and_the_next_one_works(tmp_path: Path) -> None:
    async with Database(tmp_path / "d", SCHEMA) as database:
        await database.read(lambda c: c.execute("PRAGMA busy_timeout = 50").fetchall())
        other = sqlite3.connect(tmp_path / "d", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await database.write(lambda c: put(c, "a"))
        other.execute("ROLLBACK")
        other.close()
        assert await database.write(lambda c: put(c, "a"))


async def test_a_full_disk_fails_the_write_and_keeps_what_was_there(tmp_path: Path) -> None:
    async with Database(tmp_path / "d", SCHEMA) as database:
        await database.write(lambda c: put(c, "a"))
        pages = await database.read(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
        await database.read(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchall())
        big = b"x" * 100_000

        def write(connection: sqlite3.Connection) -> bool:
            return QUEUE.put(connection, key="big", kind="k", subject="", body=big, now_ms=1)

        with pytest.raises(sqlite3.Error, match="full"):
            await database.write(write)
        assert await database.read(lambda c: [entry.key for entry in QUEUE.due(c, 1, 10)]) == ["a"]


async def test_entries_wait_for_their_time_or_their_subject(tmp_path: Path) -> None:
    async with Database(tmp_path / "d", SCHEMA) as database:
        await database.write(lambda c: put(c, "later", verdict=Verdict(State.PENDING, due_ms=50)))
        await database.write(lambda c: put(c, "guest", "7", Verdict(State.WAITING, due_ms=90)))
        assert await database.read(lambda c: QUEUE.due(c, 10, 10)) == []
        assert await database.read(QUEUE.next_due_ms) == 50
        await database.write(lambda c: QUEUE.wake(c, "7", 10))
        assert [entry.key for entry in await database.read(lambda c: QUEUE.due(c, 10, 10))] == ["guest"]
        assert [entry.key for entry in await database.read(lambda c: QUEUE.due(c, 50, 10))] == ["later", "guest"]


async def test_only_what_was_done_is_forgotten(tmp_path: Path) -> None:
    async with Database(tmp_path / "d", SCHEMA) as database:
        for state in State:
            await database.write(lambda c, state=state: put(c, state.value, verdict=Verdict(state)))  # type: ignore[misc]
        assert await database.write(lambda c: QUEUE.forget(c, 2)) == 1
        assert await database.read(QUEUE.counts) == {"pending": 1, "waiting": 1, "done": 0, "dead": 1}
