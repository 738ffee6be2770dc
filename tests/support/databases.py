"""Databases of either kind, and what other processes do to them."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Protocol

from support.postgresql import PostgresServer

from promo_server.sql.database import SqlDatabase
from promo_server.sql.migrate import migrate
from promo_server.sql.tables import METADATA


class Databases(Protocol):
    """Makes databases, each of its own, and returns their URLs."""

    def empty(self) -> str:
        """Make one without a table."""
        ...

    def with_tables(self) -> str:
        """Make one with the tables of this release and no row."""
        ...


class SqliteDatabases:
    """Files in a folder."""

    def __init__(self, folder: Path) -> None:
        """Prepare; the folder is there."""
        self._files = (folder / f"database{number}.sqlite" for number in itertools.count())

    def empty(self) -> str:
        """Return the URL of a file that is not there yet."""
        return f"sqlite:///{next(self._files)}"

    def with_tables(self) -> str:
        """Copy the file that was made once."""
        file = next(self._files)
        copy_sqlite(file)
        return f"sqlite:///{file}"


class PostgresqlDatabases:
    """Databases of a server, which are dropped when the stack ends."""

    def __init__(self, server: PostgresServer, stack: ExitStack) -> None:
        """Prepare; the server runs."""
        self._server = server
        self._stack = stack

    def empty(self) -> str:
        """Create one."""
        return self._stack.enter_context(self._server.database())

    def with_tables(self) -> str:
        """Create one as a copy of that which was made once."""
        return self._stack.enter_context(self._server.database(_postgresql_template(self._server)))


def copy_sqlite(file: Path) -> None:
    """Make a SQLite file with the tables of this release and no row."""
    file.write_bytes(_sqlite_template())


@cache
def _sqlite_template() -> bytes:
    with tempfile.TemporaryDirectory(prefix="promo-tables-") as folder:
        file = Path(folder, "tables.sqlite")
        _make_tables(f"sqlite:///{file}")
        return file.read_bytes()


@cache
def _postgresql_template(server: PostgresServer) -> str:
    name = "tables"
    _make_tables(server.create(name))
    return name


def _make_tables(url: str) -> None:
    async def make() -> None:
        database = SqlDatabase(url)
        await migrate(database)
        await database.close()

    # Whoever asks first may be in a loop.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, make()).result()


@asynccontextmanager
async def locked(url: str) -> AsyncIterator[None]:
    """Hold what every writer waits for, as a process does that hangs in a transaction; readers go on."""
    database = SqlDatabase(url)
    async with database.connection() as connection:
        if connection.dialect.name == "postgresql":
            await connection.exec_driver_sql(f"LOCK TABLE {', '.join(METADATA.tables)} IN EXCLUSIVE MODE")
        yield
    await database.close()
