"""Lists over the archive: each page is one range of an index, and pages together have every row once."""

from __future__ import annotations

import asyncio
import importlib
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Executable
from support import history

from promo.v1 import event_pb2
from promo_server.domain.filters import Condition, Kind, Operator, parse_filter
from promo_server.domain.lists import (
    CUSTOMERS,
    LISTINGS,
    ORDERS,
    PUBLICATIONS,
    REDEMPTIONS,
    Listing,
    ListQuery,
    Place,
    Sort,
)
from promo_server.services.archive_ports import ArchivedRedemption
from promo_server.sql.database import SqlDatabase

pytestmark = pytest.mark.asyncio

PROJECT = "p1"
SAMPLES = {Kind.TEXT: "x", Kind.STATE: "rolled_back", Kind.TIME: "2026-11-26T12:00:00Z", Kind.NUMBER: "5"}


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[SqlDatabase]:
    opened = SqlDatabase(database_url)
    yield opened
    await opened.close()


def query(listing: Listing, text: str = "", order: str = "", size: int = 10, after: Place | None = None) -> ListQuery:
    return ListQuery(parse_filter(text, listing.fields), listing.sort(order), size, after)


def ids(rows: Sequence[ArchivedRedemption]) -> list[str]:
    return [event_pb2.LedgerEntry.FromString(row.entry).redemption.id for row in rows]


async def all_ids(database: SqlDatabase, text: str = "", order: str = "", size: int = 7) -> list[str]:
    """Return the ids of every page of redemptions."""
    found: list[str] = []
    after = None
    while True:
        async with database.read() as unit:
            page = await unit.history.redemptions(PROJECT, query(REDEMPTIONS, text, order, size, after))
        assert len(page.rows) <= size
        found += ids(page.rows)
        after = page.last
        if after is None:
            return found


def sample(listing: Listing, name: str) -> str:
    field = listing.fields[name]
    value = SAMPLES[field.kind]
    return f"{name} = {value}" if len(field.operators) == 1 else f"{name} >= {value} AND {name} < {value}"


async def plan_of(database: SqlDatabase, listing: Listing, asked: ListQuery) -> list[str]:
    """Return how the database would find the page."""
    async with database.read() as unit:
        connection = unit.history._connection
        driver = connection._connection
        plans: list[list[str]] = []
        real = connection.execute

        async def explain(statement: Executable, parameters: Any = None) -> Any:
            compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})  # type: ignore[attr-defined]
            if connection.dialect.name == "sqlite":
                rows = await driver.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")
                plans.append([row[3] for row in rows])
            else:
                # Of an empty table it would read everything, which is quick.
                for other in ("seqscan", "bitmapscan"):
                    await driver.exec_driver_sql(f"SET LOCAL enable_{other} = off")
                plans.append([row[0] for row in await driver.exec_driver_sql(f"EXPLAIN {compiled}")])
            return await real(statement, parameters)

        connection.execute = explain  # type: ignore[method-assign]
        await getattr(unit.history, listing.name)(PROJECT, asked)
    return plans[0]


COLUMNS = {
    "campaign": "campaign_id",
    "voucher": "voucher_id",
    "order": "order_source_id",
    "redemption": "redemption_id",
}


SPOKEN = {"redemptions": {"code"}, "publications": {"code", "voucher"}}
"""Fields that are translated before the archive is asked."""


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: listing.name)
async def test_every_filter_in_the_usual_order_is_a_range_of_an_index(database: SqlDatabase, listing: Listing) -> None:
    names = [name for name in listing.fields if name not in SPOKEN.get(listing.name, ())]
    for name, descending, deep in itertools.product(("", *names), (True, False), (True, False)):
        conditions = parse_filter(sample(listing, name) if name else "", listing.fields)
        sort = Sort(listing.default.field, descending=descending)
        plan = await plan_of(database, listing, ListQuery(conditions, sort, 10, Place(5, "x") if deep else None))
        if database._engine.dialect.name != "sqlite":
            assert not [step for step in plan if "Seq Scan" in step or "Sort" in step], plan
            continue
        assert all(step.startswith("SEARCH") for step in plan), plan
        if (listing, name) == (CUSTOMERS, "source_id"):
            continue  # there is one
        if name and len(listing.fields[name].operators) == 1:
            assert f"{COLUMNS.get(name, name)}=?" in plan[0], plan
        if deep:
            assert f"){'<' if descending else '>'}(?,?)" in plan[0], plan


async def test_in_another_order_the_rows_of_a_filter_are_found_by_its_index(database: SqlDatabase) -> None:
    if database._engine.dialect.name != "sqlite":
        pytest.skip("reads plans of SQLite")
    for listing, order, name in (
        (REDEMPTIONS, "discount_amount", "customer"),
        (REDEMPTIONS, "discount_amount", "campaign"),
        (ORDERS, "source_id", "customer"),
        (CUSTOMERS, "source_id", "email"),
    ):
        plan = await plan_of(database, listing, query(listing, sample(listing, name), order, after=Place(1, "x")))
        assert f"{'campaign_id' if name == 'campaign' else name}=?" in plan[0], plan
    plan = await plan_of(database, REDEMPTIONS, query(REDEMPTIONS, "", "discount_amount desc", after=Place(1, "x")))
    assert plan == [
        "SEARCH redemptions USING INDEX ix_redemptions_discount (project_id=? AND (discount_amount,id)<(?,?))"
    ]


async def test_the_publication_of_a_voucher_is_found_by_indexes(database: SqlDatabase) -> None:
    entry = event_pb2.LedgerEntry()
    publication = entry.publication
    publication.campaign_id, publication.customer = "camp_a", "c"
    for number in range(3):
        publication.publish_time.FromMilliseconds(history.BEGIN_MS + number // 2)
        await history.write_publication(database, PROJECT, entry, number, [3 * number, 3 * number + 1])
    by_id = ListQuery((Condition("id", Operator.EQUAL, "pub_7_3"),), PUBLICATIONS.default, 10)
    async with database.read() as unit:
        found = [await unit.history.publication_of(PROJECT, "camp_a", position) for position in range(9)]
        (row,) = (await unit.history.publications(PROJECT, by_id)).rows
        assert await unit.history.publication_of(PROJECT, "camp_b", 0) is None
        assert await unit.history.publication_of("other", "camp_a", 0) is None
    assert found == ["pub_7_0", "pub_7_0", None, "pub_7_3", "pub_7_3", None, "pub_7_6", "pub_7_6", None]
    assert row.positions == (3, 4)
    if database._engine.dialect.name == "sqlite":
        plan = await plan_of(database, PUBLICATIONS, by_id)
        assert "(project_id=? AND id=?)" in plan[0], plan


async def test_filters_and_orders_find_what_they_name(database: SqlDatabase) -> None:
    entries = [
        history.redemption(
            number,
            customer=f"c{number % 3}",
            campaigns=("camp_a", "camp_b", "camp_a") if number % 2 else ("camp_a",),
            order=f"o{number % 5}",
            discount=(number * 7) % 11,
        )
        for number in range(60)
    ]
    await history.write(database, PROJECT, entries)
    await history.write(database, "other", [history.redemption(900, customer="c0")])
    everything = [f"r_{number:016x}" for number in range(60)]

    def expected(*numbers: int) -> list[str]:
        return [everything[number] for number in sorted(numbers, reverse=True)]

    assert await all_ids(database) == everything[::-1]
    assert await all_ids(database, order="redeem_time asc") == everything
    assert await all_ids(database, "customer = c1") == expected(*range(1, 60, 3))
    assert await all_ids(database, "campaign = camp_b") == expected(*range(1, 60, 2))
    assert await all_ids(database, "campaign = camp_a") == everything[::-1]
    assert await all_ids(database, "campaign = camp_b AND customer = c1") == expected(*range(1, 60, 6))
    assert await all_ids(database, "voucher = v_camp_a_7_2") == expected(7)
    assert await all_ids(database, "campaign = camp_b AND voucher = v_camp_a_7_2") == []
    assert await all_ids(database, "order = o3 AND state = succeeded") == expected(*range(3, 60, 5))
    assert await all_ids(database, "state = rolled_back") == []
    assert await all_ids(database, "amount = 10000 AND discount_amount > 9") == expected(
        *(number for number in range(60) if (number * 7) % 11 == 10)
    )
    time = "2026-11-18T11:06:40.0%02dZ"
    assert parse_filter(f"redeem_time = {time % 0}", REDEMPTIONS.fields)[0].value == history.BEGIN_MS
    window = f"redeem_time >= {time % 10} AND redeem_time < {time % 20}"
    assert await all_ids(database, window) == expected(*range(10, 20))
    by_discount = sorted(range(60), key=lambda number: ((number * 7) % 11, number))
    assert await all_ids(database, order="discount_amount") == [everything[number] for number in by_discount]
    mine = [everything[number] for number in by_discount[::-1] if number % 3 == 1]
    assert await all_ids(database, "customer = c1", "discount_amount desc") == mine


async def test_pages_have_every_row_once_while_others_write(database: SqlDatabase) -> None:
    # Many in the same millisecond, so that pages end between equals.
    before = [history.redemption(n, customer="c", at_ms=history.BEGIN_MS + n // 50) for n in range(1_000)]
    await history.write(database, PROJECT, before)
    done = asyncio.Event()

    async def keep_writing() -> None:
        for number in itertools.count(1_000):
            if done.is_set():
                return
            entry = history.redemption(number, customer="c", at_ms=history.BEGIN_MS + number % 30)
            await history.write(database, PROJECT, [entry])

    writing = asyncio.create_task(keep_writing())
    for order in ("redeem_time desc", "redeem_time", "discount_amount", "discount_amount desc"):
        for text in ("", "customer = c", "campaign = camp_a"):
            found = await all_ids(database, text, order, size=37)
            assert len(found) == len(set(found))
            assert {f"r_{number:016x}" for number in range(1_000)} <= set(found)
    done.set()
    await writing


async def test_a_migrated_archive_is_listed_like_a_new_one(database: SqlDatabase) -> None:
    entry = history.redemption(1, customer="c", campaigns=("camp_a", "camp_b", "camp_a"), order="o")
    await history.write(database, PROJECT, [entry])
    async with database.connection() as connection:
        # As the first release left them: the columns were added with these defaults.
        await connection.exec_driver_sql("UPDATE redemption_items SET redeem_ms = 0, campaign_first = false")
        await connection.exec_driver_sql("UPDATE orders SET create_ms = 0")
        await connection.run_sync(_fill)
    assert await all_ids(database, "campaign = camp_a") == ["r_0000000000000001"]
    assert await all_ids(database, "campaign = camp_b") == ["r_0000000000000001"]
    async with database.read() as unit:
        (placed,) = (await unit.history.orders(PROJECT, query(ORDERS))).rows
    assert placed.create_ms == placed.update_ms == history.BEGIN_MS + 1


def _fill(connection: Connection) -> None:
    module = importlib.import_module("promo_server.sql.migrations.versions.0002_lists_and_erasures")
    with Operations.context(MigrationContext.configure(connection)):
        module._fill_columns()
