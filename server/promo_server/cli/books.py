"""The operator's way to what happened: store, ledger and archive of one server, read beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis

from promo_server.backends import embedded_store, sql_url
from promo_server.cli.command_error import CommandError
from promo_server.settings import Settings
from promo_server.sql.database import SqlDatabase
from promo_server.sql.url import sqlite_file
from promo_server.state import StateDir
from promo_server.store.client import connect
from promo_server.store.counters import RedisCounters
from promo_server.store.ledger import RedisLedger
from promo_server.store_url import EMBEDDED
from promo_server.workers.verification import LedgerVerification, Report

_LOOK_SECONDS = 0.05
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that knows what happened."""

    database: SqlDatabase
    store: Redis
    ledger: RedisLedger
    counters: RedisCounters


async def connect_store(settings: Settings) -> Redis:
    """Return a client of the store of the server that runs with these settings."""
    state = StateDir(settings.state_dir)
    url = settings.store.url
    if url == EMBEDDED:
        if not await asyncio.to_thread(state.store_socket.exists):
            raise CommandError(f"no store runs in {state.path}; start it with promo serve, or give --state-dir")
        url = embedded_store(settings, state).url
    return connect(url, timeout_seconds=settings.store.timeout_ms / 1000)


async def existing_database(settings: Settings, state: StateDir) -> str:
    """Return the URL of the server's database; refuse a file that is not there, which opening it would make."""
    url = sql_url(settings, state)
    file = sqlite_file(url)
    if file is not None and not await asyncio.to_thread(file.exists):
        raise CommandError(f"{file} does not exist; give --state-dir, or set PROMO_SQL__URL")
    return url


@asynccontextmanager
async def open_books(settings: Settings) -> AsyncIterator[Books]:
    """Yield the books of the server that runs with these settings."""
    state = StateDir(settings.state_dir)
    store = await connect_store(settings)
    url = await existing_database(settings, state)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.aclose)
        database = SqlDatabase(url)
        stack.push_async_callback(database.close)
        partitions = settings.store.partitions
        yield Books(database, store, RedisLedger(store, partitions), RedisCounters(store, partitions))


async def verify(books: Books, project_id: str, wait_seconds: float) -> Report:
    """Compare store, ledger and archive, once the archive has what waits for it.

    Whatever is redeemed meanwhile looks like a difference. So what differs is looked at again, and counts only when it
    differs in the same way.
    """
    verification = LedgerVerification(books.database, books.ledger, books.counters)
    await _until_archived(books.ledger, project_id, wait_seconds)
    first = await verification(project_id)
    if first.agrees:
        return first
    await asyncio.sleep(_PAUSE_SECONDS)
    await _until_archived(books.ledger, project_id, wait_seconds)
    second = await verification(project_id)
    second.differences = [one for one in second.differences if one in first.differences]
    return second


async def _until_archived(ledger: RedisLedger, project_id: str, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while await ledger.waiting(project_id) and time.monotonic() < deadline:  # noqa: ASYNC110 - another process
        await asyncio.sleep(_LOOK_SECONDS)
