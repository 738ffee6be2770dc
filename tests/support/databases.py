"""What other processes do to a database of either kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from promo_server.sql.database import SqlDatabase
from promo_server.sql.tables import METADATA


@asynccontextmanager
async def locked(url: str) -> AsyncIterator[None]:
    """Hold what every writer waits for, as a process does that hangs in a transaction; readers go on."""
    database = SqlDatabase(url)
    async with database.connection() as connection:
        if connection.dialect.name == "postgresql":
            await connection.exec_driver_sql(f"LOCK TABLE {', '.join(METADATA.tables)} IN EXCLUSIVE MODE")
        yield
    await database.close()
