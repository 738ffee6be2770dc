"""Connections and transactions, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import URL, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason
from promo_server.sql.statements import Statements, finish
from promo_server.sql.unit import Unit

_LOG = structlog.get_logger(__name__)

_BUSY_TIMEOUT_MS = 5_000
"""How long a SQLite writer waits for another process's transaction."""

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}


def normalised_url(url: str) -> URL:
    """Return the URL with the asyncio driver of its database."""
    parsed = make_url(url)
    return parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own type
    """Make every acknowledged transaction survive a power cut, and let readers go on beside the writer."""
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"busy_timeout = {_BUSY_TIMEOUT_MS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once where a transaction may write.

    A transaction that reads first and takes the lock later fails when another one has committed in between.
    """
    writes = connection.get_execution_options().get("promo_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def create_engine(url: str) -> AsyncEngine:
    """Return an engine for the URL; for SQLite the file's folder is made."""
    target = normalised_url(url)
    if target.get_backend_name() != "sqlite":
        return create_async_engine(target, pool_pre_ping=True, pool_timeout=5, connect_args={"timeout": 5})
    if target.database and target.database != ":memory:":
        Path(target.database).parent.mkdir(parents=True, exist_ok=True)
    # The driver must not begin transactions of its own: `_begin_sqlite` does.
    # Every transaction is ended here, so the pool need not roll back once more.
    engine = create_async_engine(target, connect_args={"isolation_level": None}, pool_reset_on_return=None)
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


class SqlDatabase:
    """The port `Database` over SQLAlchemy Core."""

    def __init__(self, url: str) -> None:
        """Prepare for the URL; nothing is opened before the first transaction."""
        self._engine = create_engine(url)
        self._writing_engine = self._engine.execution_options(promo_writes=True)
        # SQLite has one writer: waiting here is fair and does not poll, unlike its busy timeout.
        sqlite = self._engine.dialect.name == "sqlite"
        self._writer = asyncio.Lock() if sqlite else None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Open a writing transaction for what is no use case: migrations."""
        async with self._writing_engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Unit]:
        """Open a transaction that sees one state."""
        async with self._transaction(self._engine) as unit:
            yield unit

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Unit]:
        """Open a transaction that may write."""
        async with self._writer or nullcontext(), self._transaction(self._writing_engine) as unit:
            yield unit

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncIterator[Unit]:
        try:
            connection = engine.connect()
            try:
                await finish(connection.start())
                transaction = await finish(connection.begin().start())
                yield Unit(Statements(connection))
                if transaction.is_active:
                    await finish(transaction.commit())
            finally:
                # A caller that was cancelled while it got the connection has got it all the same.
                if connection.sync_connection is not None:
                    await finish(connection.close())
        except IntegrityError as error:
            # Every use case checks before it writes: what is left is a race between servers.
            _LOG.info("sql.conflict", error=str(error.orig))
            raise DomainError(Reason.CONFLICT) from error
        except DBAPIError as error:
            _LOG.warning("sql.unavailable", error=str(error.orig))
            raise DomainError(Reason.DATABASE_UNAVAILABLE) from error
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            _LOG.warning("sql.unavailable", error=str(error))
            raise DomainError(Reason.DATABASE_UNAVAILABLE) from error

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()
