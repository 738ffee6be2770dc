"""Connections and transactions, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason
from promo_server.services.ports import DataRefusedError
from promo_server.sql.statements import Statements, finish
from promo_server.sql.unit import Unit
from promo_server.sql.url import DatabaseUrlError, normalised_url

_LOG = structlog.get_logger(__name__)

_LOCK_MS = 5_000
"""How long a writer waits for another process's transaction."""

_IDLE_MS = 60_000
"""How long a transaction may stand still in PostgreSQL: then its locks go to the others."""

_CONNECT_SECONDS = 5.0
"""How long a transaction waits for a connection that works."""

_STATEMENT_SECONDS = 30.0
"""How long PostgreSQL may take for one statement; whoever asked has given up before."""


def cause_of(error: Exception) -> str:
    """Return what a database or its driver said, in one line."""
    said = str(error.orig if isinstance(error, DBAPIError) else error)
    return said.splitlines()[0] if said else f"no answer in time ({type(error).__name__})"


def _kind_of(error: DBAPIError) -> str:
    """Return what a driver's error is, without its text."""
    kind = type(getattr(error.orig, "__cause__", None) or error.orig).__name__
    return f"{kind} {getattr(error.orig, 'sqlstate', None) or ''}".rstrip()


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own type
    """Make every acknowledged transaction survive a power cut, and let readers go on beside the writer."""
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"busy_timeout = {_LOCK_MS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once where a transaction may write.

    A transaction that reads first and takes the lock later fails when another one has committed in between.
    """
    writes = connection.get_execution_options().get("promo_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _set_up_postgresql(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own type
    """Let nobody wait for long, by statements: a pooler between may not know the settings of a connection's start."""
    cursor = connection.cursor()
    for name, value in (
        ("lock_timeout", _LOCK_MS),
        ("idle_in_transaction_session_timeout", _IDLE_MS),
        # So do those of a machine that is gone.
        ("tcp_keepalives_idle", 30),
        ("tcp_keepalives_interval", 10),
        ("tcp_keepalives_count", 3),
    ):
        cursor.execute(f"SET {name} = {value}")
    # What the archive has is trimmed from the store, so it must not be lost when the server dies.
    durable = "set_config('synchronous_commit', 'on', false)"
    cursor.execute(f"SELECT {durable} WHERE current_setting('synchronous_commit') = 'off'")
    cursor.close()
    connection.commit()


def create_engine(url: str, *, patient: bool = False) -> AsyncEngine:
    """Return an engine for the URL; for SQLite the file's folder is made.

    A patient one waits for PostgreSQL's locks and statements as long as they take. SQLAlchemy's errors do not tell the
    parameters of a statement, which have hashes of tokens and what is known of persons: errors get into logs. Those of
    PostgreSQL and of its driver quote values all the same where data or a constraint is concerned: see `SqlDatabase`.
    """
    target = normalised_url(url)
    if target.get_backend_name() != "sqlite":
        times = {"timeout": _CONNECT_SECONDS, "command_timeout": None if patient else _STATEMENT_SECONDS}
        try:
            engine = create_async_engine(
                target,
                pool_pre_ping=True,
                pool_timeout=_CONNECT_SECONDS,
                connect_args=times,
                hide_parameters=True,
            )
        except ArgumentError:
            raise DatabaseUrlError("sql.url has options host and port that do not fit together") from None
        except ModuleNotFoundError:
            message = "sql.url names PostgreSQL, which needs a driver: pip install 'promo-core[postgresql]'"
            raise DatabaseUrlError(message) from None
        if not patient:
            event.listen(engine.sync_engine, "connect", _set_up_postgresql)
        return engine
    if target.database and target.database != ":memory:":
        Path(target.database).parent.mkdir(parents=True, exist_ok=True)
    # The driver must not begin transactions of its own: `_begin_sqlite` does.
    # Every transaction is ended here, so the pool need not roll back once more.
    engine = create_async_engine(
        target,
        connect_args={"isolation_level": None},
        pool_reset_on_return=None,
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _refuses_data(error: DBAPIError) -> bool:
    """Return whether it is what was to be written that is wrong, so that another attempt fails too."""
    state = getattr(error.orig, "sqlstate", None) or ""
    # The first are what the drivers find themselves, the states what PostgreSQL finds: data and limits exceeded.
    found_by_driver = isinstance(error, DataError) or isinstance(getattr(error.orig, "__cause__", None), ValueError)
    return found_by_driver or state.startswith(("22", "54"))


class SqlDatabase:
    """The port `Database` over SQLAlchemy Core.

    No error that leaves it has a value that was to be written, in its text or in those of its causes.
    """

    def __init__(self, url: str) -> None:
        """Prepare for the URL, which may have a password; nothing is opened before the first transaction."""
        self.url = url
        self._engine = create_engine(url)
        self._sqlite = self._engine.dialect.name == "sqlite"
        # A SQLite transaction sees one state anyhow. In PostgreSQL one that writes must see what others committed while
        # it waited for its lock, whatever the database is set to.
        reads = {} if self._sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        writes = {"promo_writes": True} if self._sqlite else {"isolation_level": "READ COMMITTED"}
        self._reading_engine = self._engine.execution_options(**reads)
        self._writing_engine = self._engine.execution_options(**writes)
        # SQLite has one writer: waiting here is fair and does not poll, unlike its busy timeout.
        self._writer = asyncio.Lock() if self._sqlite else None
        self._failures = 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Open a writing transaction that may take its time, for what is no use case: migrations."""
        engine = create_engine(self.url, patient=True)
        try:
            async with engine.execution_options(promo_writes=True).begin() as connection:
                yield connection
        finally:
            await engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Unit]:
        """Open a transaction that sees one state."""
        async with self._transaction(self._reading_engine) as unit:
            yield unit

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Unit]:
        """Open a transaction that may write."""
        failures = self._failures
        async with self._writer or nullcontext():
            # Of a database that another process has locked all who waited hear as soon as the first of them.
            if self._failures != failures:
                raise DomainError(Reason.DATABASE_UNAVAILABLE)
            try:
                async with self._transaction(self._writing_engine) as unit:
                    yield unit
            except DomainError as error:
                self._failures += error.reason is Reason.DATABASE_UNAVAILABLE
                raise

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncIterator[Unit]:
        try:
            connection = engine.connect()
            try:
                await self._start(connection)
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
            _LOG.info("sql.conflict", error=cause_of(error))
            raise DomainError(Reason.CONFLICT) from None
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            if isinstance(error, DBAPIError) and _refuses_data(error):
                raise DataRefusedError(_kind_of(error)) from None
            _LOG.warning("sql.unavailable", error=cause_of(error))
            raise DomainError(Reason.DATABASE_UNAVAILABLE) from error

    async def _start(self, connection: AsyncConnection) -> None:
        if self._sqlite:
            await finish(connection.start())
            return
        # A server that hangs takes connections and statements, and answers none.
        async with asyncio.timeout(_CONNECT_SECONDS):
            await connection.start()

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()
