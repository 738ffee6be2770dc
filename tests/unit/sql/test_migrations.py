"""A database that an earlier release has filled becomes one that this release could have filled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from alembic import command
from sqlalchemy import Column, Connection, MetaData, Table, insert, inspect, select
from support import ledger
from support.control_plane import ControlPlane
from support.databases import Databases

from promo.v1 import event_pb2, redeemable_pb2
from promo_server.domain.campaign import Campaign
from promo_server.domain.layout import CodeLayout
from promo_server.domain.ledger import StreamId
from promo_server.sql.database import SqlDatabase
from promo_server.sql.migrate import configuration, migrate
from promo_server.sql.tables import METADATA
from promo_server.store import ids

pytestmark = pytest.mark.asyncio

Rows = dict[str, list[dict[str, Any]]]
PUT_AT_ONCE = 10_000
"""Rows that a migration reads at once."""


@pytest_asyncio.fixture
async def old(databases: Databases) -> AsyncIterator[SqlDatabase]:
    """Yield a database beside that of the control plane, of the same kind, without any table."""
    database = SqlDatabase(databases.empty())
    yield database
    await database.close()


def redemption(campaigns: tuple[Campaign, ...], positions: tuple[int, ...], customer: str) -> event_pb2.LedgerEntry:
    """Return the entry of a stack: of each campaign the code at a position."""
    entry = ledger.redemption(customer, "CODE", "n:1", order=f"o-{customer}")
    del entry.redemption.results[:], entry.movements[:]
    for campaign, position in zip(campaigns, positions, strict=True):
        entry.redemption.results.add(
            code="CODE",
            status=redeemable_pb2.REDEEMABLE_STATUS_APPLICABLE,
            campaign_id=campaign.id,
            voucher_id=ids.voucher_id(campaign.number, position),
            applied_discount_amount=100,
        )
    return entry


async def shop(plane: ControlPlane) -> None:
    """Let things happen as they do, and archive them."""
    first, second = await plane.campaign(), await plane.campaign(layout=CodeLayout(length=4), code_count=20)
    client, project = plane.client, plane.project
    for number in range(8):
        published = ledger.publication(first.id, f"c{number}", f"s{number}")
        await ledger.append(client, project, 1, published, f"{2 * number},{2 * number + 1}")
    # Used once, several times, after it was published and not, in a stack twice, and rolled back in whole and in part.
    for partition, used in enumerate((((first,), (0,)), ((first,), (0,)), ((first,), (900,)), ((second,), (35,)))):
        await ledger.append(client, project, partition, redemption(*used, "c0"), "")
    stack = redemption((first, second, first), (4, 7, 5), "c2")
    place = StreamId.parse(await ledger.append(client, project, 2, stack, ""))
    whole = StreamId.parse(await ledger.append(client, project, 3, redemption((first,), (6,), "c3"), ""))
    await plane.projection().run_round(project)
    for partition, at, items in ((2, place, (1,)), (3, whole, (0,))):
        id_ = f"r_{partition:02x}{at.milliseconds:011x}{at.sequence:03x}"
        undone = ledger.rollback(id_, "n:1")
        del undone.movements[:], undone.rollback.rolled_back_ids[:]
        undone.rollback.rolled_back_ids.extend(f"{id_}.{item}" for item in items)
        await ledger.append(client, project, partition, undone, "")
    while await plane.projection().run_round(project):
        pass


async def rows_of(database: SqlDatabase) -> Rows:
    async with database.connection() as connection:
        found: Rows = {}
        for table in METADATA.sorted_tables:
            read = (await connection.execute(select(table))).mappings()
            found[table.name] = sorted((dict(row) for row in read), key=lambda row: repr(sorted(row.items())))
        return found


async def make_at(database: SqlDatabase, revision: str, rows: Rows) -> None:
    """Make the tables of an earlier release, with what they would have had of the rows."""

    def make(connection: Connection) -> None:
        command.upgrade(configuration(connection), revision)
        reflected = inspect(connection)
        for table in METADATA.sorted_tables:
            if not rows[table.name] or not reflected.has_table(table.name):
                continue
            there = {column["name"] for column in reflected.get_columns(table.name)}
            then = Table(table.name, MetaData(), *(Column(one.name, one.type) for one in table.c if one.name in there))
            told = [{name: value for name, value in row.items() if name in there} for row in rows[table.name]]
            connection.execute(insert(then), told)

    async with database.connection() as connection:
        await connection.run_sync(make)


@pytest.mark.parametrize("revision", ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008"])
async def test_what_an_earlier_release_wrote_becomes_what_this_one_writes(
    plane: ControlPlane, old: SqlDatabase, revision: str
) -> None:
    await shop(plane)
    expected = await rows_of(plane.database)
    assert sorted(row["redeemed_count"] for row in expected["voucher_states"]) == [0] * 14 + [1] * 4 + [2]
    await make_at(old, revision, expected)
    await migrate(old)
    found = await rows_of(old)
    if revision == "0001":
        # It did not know when an order was first seen.
        for row in expected["orders"]:
            row["create_ms"] = row["update_ms"]
    # Of a voucher that was used and given back there is nothing to say, whether or not there is a row for it.
    expected["voucher_states"] = [row for row in expected["voucher_states"] if row["redeemed_count"] or row["holder"]]
    if revision > "0002":
        found["voucher_states"] = [row for row in found["voucher_states"] if row["redeemed_count"] or row["holder"]]
    # How far the store was told is noted with the next change.
    expected["store_epoch"] = []
    for table, rows in expected.items():
        assert found[table] == rows, table


async def test_more_rows_than_are_read_at_once_are_all_migrated(plane: ControlPlane, old: SqlDatabase) -> None:
    campaign = await plane.campaign()
    count = PUT_AT_ONCE + 500
    before = await rows_of(plane.database)
    before["publications"] = [
        {
            "project_id": plane.project,
            "id": ids.publication_id(campaign.number, position),
            "partition": 1,
            "ledger_id": StreamId(1, position).sortable,
            "campaign_id": campaign.id,
            "customer": f"c{position % 100}",
            "source_id": "",
            "channel": "",
            "positions": [position],
            "publish_ms": position,
            "entry": b"",
        }
        for position in range(count)
    ]
    before["redemption_items"] = [
        {
            "project_id": plane.project,
            "id": f"r_{position:016x}.0",
            "redemption_id": f"r_{position:016x}",
            "redeemable": 0,
            "campaign_id": campaign.id,
            "voucher_id": ids.voucher_id(campaign.number, position),
            "code": "CODE",
            "discount_amount": 1,
            "rollback_id": "rr_1" if position % 3 == 0 else None,
            "redeem_ms": 1,
            "campaign_first": True,
        }
        for position in range(count)
    ]
    await make_at(old, "0002", before)
    await migrate(old)
    async with old.read() as unit:
        found = await unit.vouchers.between(plane.project, campaign.id, 0, count + 1)
    assert [(one.position, one.holder, one.publish_ms, one.redeemed_count) for one in found] == [
        (position, f"c{position % 100}", position, int(position % 3 != 0)) for position in range(count)
    ]
