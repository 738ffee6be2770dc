"""The archive beside the ledger that it was made of, and the process that makes it."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import psutil
from sqlalchemy import Table, select
from support.server_process import ServerProcess
from support.truth import PARTITIONS, store_of

from promo.v1.event_pb2 import LedgerEntry
from promo_server.domain.ledger import StreamId
from promo_server.sql.database import SqlDatabase
from promo_server.sql.tables import archive as tables
from promo_server.store import keys

_MODULE = "promo_server.workers.archive_process"
_MOVEMENT = ("partition", "ledger_id", "limit_name", "amount", "slot", "limit_sequence", "total")


def archive_process(server: ServerProcess) -> psutil.Process:
    """Return it, waiting for one that is just being started."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for child in psutil.Process(server.process.pid).children():
            # One that has just ended has no command line any more.
            with contextlib.suppress(psutil.NoSuchProcess):
                if _MODULE in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                    return child
        time.sleep(0.02)
    raise AssertionError("there is no archive process")


@dataclass
class Events:
    """What happened, and how often each thing is there: once, where all is well. Amounts are minor units."""

    redemptions: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    """Id, amount of the order, discount."""
    rollbacks: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Id of what was rolled back, discount given back."""
    undone: Counter[str] = field(default_factory=Counter)
    """Ids of the redeemables that rollbacks have undone."""
    publications: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    """Partition, place in its ledger, customer."""
    movements: Counter[tuple[object, ...]] = field(default_factory=Counter)
    """Partition, place in its ledger, limit, amount, slot, sequence, total."""


def events_of_store(server: ServerProcess) -> Events:
    """Return what the ledger in the store says; nothing of it may have been trimmed."""
    project, events = str(server.ready["project_id"]), Events()
    with store_of(server) as store:
        for partition in range(PARTITIONS):
            for place, fields in store.xrange(keys.ledger(project, partition)):
                _add(events, partition, StreamId.parse(place.decode()), fields)
    return events


def _add(events: Events, partition: int, place: StreamId, fields: dict[bytes, bytes]) -> None:
    entry = LedgerEntry.FromString(fields[b"b"])
    match entry.WhichOneof("fact"):
        case "redemption":
            order = entry.redemption.order
            name = f"r_{partition:02x}{place.milliseconds:011x}{place.sequence:03x}"
            events.redemptions[name, order.amount, order.total_discount_amount] += 1
        case "rollback":
            events.rollbacks[entry.rollback.redemption_id, entry.rollback.returned_discount_amount] += 1
            events.undone.update(entry.rollback.rolled_back_ids)
        case "publication":
            events.publications[partition, place.sortable, entry.publication.customer] += 1
            return
    results = fields[b"o"].decode()
    for movement, result in zip(entry.movements, results.split(",") if results else (), strict=True):
        taken = tuple(map(int, result.split(":")))
        events.movements[partition, place.sortable, movement.limit, movement.amount, *taken] += 1


async def events_of_archive(database_url: str) -> Events:
    """Return what the tables of the archive say."""
    database = SqlDatabase(database_url)
    try:
        async with database.connection() as connection:

            async def rows(table: Table, *columns: str) -> Counter[Any]:
                found = await connection.execute(select(*(table.c[name] for name in columns)))
                return Counter(tuple(row) for row in found)

            items = await rows(tables.REDEMPTION_ITEMS, "id", "rollback_id")
            return Events(
                await rows(tables.REDEMPTIONS, "id", "amount", "discount_amount"),
                await rows(tables.ROLLBACKS, "redemption_id", "returned_amount"),
                Counter({name: count for (name, rollback_id), count in items.items() if rollback_id is not None}),
                await rows(tables.PUBLICATIONS, "partition", "ledger_id", "customer"),
                await rows(tables.MOVEMENTS, *_MOVEMENT),
            )
    finally:
        await database.close()
