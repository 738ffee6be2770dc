"""Statements that are never left half done.

When a call is cancelled while the driver works, SQLAlchemy throws the connection away; a SQLite connection thrown away
with an open cursor keeps its lock until the cursor is collected, and every writer waits. So a cancelled caller is let
go only when its statement has ended, and the transaction is rolled back in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from sqlalchemy import CursorResult, Dialect, Executable, Insert, ScalarResult, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from promo_server.sql.bulk import bulk_insert, bulk_upsert

Value = TypeVar("Value")


async def finish(work: Coroutine[Any, Any, Value]) -> Value:
    """Return the result of the work; a cancellation is heeded when the work has ended."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait([task])
        raise


class Statements:
    """The part of a connection that the queries use."""

    def __init__(self, connection: AsyncConnection) -> None:
        """Use the transaction that is open on the connection."""
        self._connection = connection

    @property
    def dialect(self) -> Dialect:
        """The dialect of the database."""
        return self._connection.dialect

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[*tuple[Any, ...]]:  # noqa: ANN401 - as SQLAlchemy has it
        """Run a statement and return its rows."""
        return await finish(self._connection.execute(statement, parameters))

    async def insert_many(self, table: Table, rows: list[dict[str, Any]]) -> None:
        """Insert rows, each with every column that does not count itself."""
        statement, parameters = bulk_insert(self.dialect.name, table, rows)
        await finish(self._connection.exec_driver_sql(statement, parameters))

    async def upsert_many(self, statement: Insert, table: Table, rows: list[dict[str, Any]]) -> None:
        """Run an insert of rows that says what to do about those that are there; it has no values of its own."""
        text, parameters = bulk_upsert(self.dialect.name, statement, table, rows)
        await finish(self._connection.exec_driver_sql(text, parameters))

    async def scalars(self, statement: Executable) -> ScalarResult[Any]:
        """Run a statement and return the first value of each row."""
        return await finish(self._connection.scalars(statement))

    async def scalar(self, statement: Executable) -> Any:  # noqa: ANN401 - as SQLAlchemy has it
        """Run a statement and return the first value of the first row."""
        return await finish(self._connection.scalar(statement))

    async def rollback(self) -> None:
        """Undo everything so far."""
        await finish(self._connection.rollback())
