"""A SQLite file that loses nothing it has confirmed: write-ahead log, synchronous on every commit, one writer.

Writes that arrive together share one commit, because the disk's flush is what a commit costs.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]
"""Runs in the database's own thread, inside a transaction."""

_BUSY_SECONDS = 10.0


class DatabaseInUseError(Exception):
    """Another process serves from the same file."""


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection whose commits survive the loss of power."""
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


class Database:
    """One connection in a thread of its own; `async with` opens and closes it.

    The file belongs to one serving process: the senders of two would each send everything.
    """

    def __init__(self, path: Path, schema: str) -> None:
        """Use the file at `path`, which is made when it is missing; `schema` is run at every start."""
        self._path = path
        self._schema = schema
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._waiting: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        self._flush: asyncio.Task[None] | None = None
        self._lock = -1
        self._connection: sqlite3.Connection | None = None

    async def __aenter__(self) -> Self:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._open)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._flush is not None:
            await self._flush
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    async def write(self, work: Work[Result]) -> Result:
        """Return what `work` returns, once it is safely on disk.

        A failed `work` leaves no trace and does not touch those that share its commit. Raises sqlite3.Error.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        if self._flush is None:
            self._flush = asyncio.create_task(self._commit_waiting())
        return await future

    async def read(self, work: Work[Result]) -> Result:
        """Return what `work` returns, which must not write. Raises sqlite3.Error."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._opened))

    @property
    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.ProgrammingError("the database is closed")
        return self._connection

    def _open(self) -> None:
        # What guests say about themselves is in the file: nobody else may read it.
        before = os.umask(0o077)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._lock)
                self._lock = -1
                raise DatabaseInUseError(f"{self._path} is in use by another adapter; give each its own") from None
            self._connection = connect(self._path)
            self._connection.executescript(self._schema)
        finally:
            os.umask(before)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock >= 0:
            os.close(self._lock)

    async def _commit_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                outcomes = await loop.run_in_executor(self._thread, self._commit, [work for work, _ in batch])
                for (_, future), outcome in zip(batch, outcomes, strict=True):
                    if future.done():
                        continue
                    if isinstance(outcome, Exception):
                        future.set_exception(outcome)
                    else:
                        future.set_result(outcome)
        finally:
            self._flush = None

    def _commit(self, batch: list[Work[Any]]) -> list[Any]:
        """Return a result or an exception for each; one transaction, a savepoint per work."""
        try:
            connection = self._opened
            connection.execute("BEGIN IMMEDIATE")
            outcomes = [_within_savepoint(connection, work) for work in batch]
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - handed to those who wait
            with contextlib.suppress(sqlite3.Error):
                self._opened.execute("ROLLBACK")
            return [error] * len(batch)
        return outcomes


def _within_savepoint(connection: sqlite3.Connection, work: Work[Any]) -> object:
    connection.execute("SAVEPOINT work")
    try:
        result = work(connection)
    except Exception as error:
        if not connection.in_transaction:
            # A full disk has rolled everything back: all works of the commit have failed with this one.
            raise
        connection.execute("ROLLBACK TO work")
        connection.execute("RELEASE work")
        return error
    connection.execute("RELEASE work")
    return result
