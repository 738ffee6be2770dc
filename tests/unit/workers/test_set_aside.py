"""Entries that the archive could not take become what they would have been, once it can."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Table, select
from support import ledger
from support.control_plane import PARTITIONS, ControlPlane

from promo.v1 import event_pb2
from promo.v1.voucher_pb2 import VoucherOverride
from promo_server.domain.errors import DomainError
from promo_server.domain.ledger import StreamId
from promo_server.domain.reasons import Reason
from promo_server.services.archive_ports import SetAsideEntry
from promo_server.sql.tables import archive
from promo_server.store import ids, keys
from promo_server.store.counters import RedisCounters
from promo_server.store.ledger import RedisLedger
from promo_server.workers.archiver import Archiver
from promo_server.workers.facts import BatchBuilder
from promo_server.workers.rebuild import EntriesSetAsideError
from promo_server.workers.rounds import SetAsideRounds
from promo_server.workers.set_aside import SetAsideEntries
from promo_server.workers.verification import LedgerVerification

pytestmark = pytest.mark.asyncio


@contextmanager
def defect(kind: str) -> Iterator[None]:
    """Let the archive take no entries of a kind, as a defect of a release would."""

    def fail(*_arguments: object) -> None:
        raise KeyError(kind)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(BatchBuilder, f"_add_{kind}", fail)
        yield


async def rows(plane: ControlPlane, table: Table) -> list[dict[str, object]]:
    async with plane.database.connection() as connection:
        return [dict(row) for row in (await connection.execute(select(table))).mappings()]


async def project(plane: ControlPlane) -> None:
    projection = plane.projection()
    while await projection.run_round(plane.project):
        pass


async def append(plane: ControlPlane, entry: event_pb2.LedgerEntry, results: str, partition: int = 1) -> str:
    """Append an entry, and return the id of the redemption that it would be."""
    place = await ledger.append(plane.client, plane.project, partition, entry, results)
    at = StreamId.parse(place)
    return f"r_{partition:02x}{at.milliseconds:011x}{at.sequence:03x}"


async def redeem(plane: ControlPlane, slot: int, customer: str = "c1") -> str:
    entry = ledger.redemption(customer, "CODE", "n:1", order=f"o-{customer}")
    entry.redemption.results[0].voucher_id = ids.voucher_id(1, 7)
    return await append(plane, entry, f"{slot}:{slot}:{slot},0:{slot}:{slot * 500}")


async def undo(plane: ControlPlane, redemption_id: str) -> None:
    await append(plane, ledger.rollback(redemption_id, "n:1"), "0:2:0,0:2:0")


async def edit(plane: ControlPlane, revision: int, *, disabled: bool) -> None:
    entry = event_pb2.LedgerEntry()
    entry.voucher.campaign_id, entry.voucher.position = "camp_a", 7
    entry.voucher.override.CopyFrom(VoucherOverride(revision=revision, disabled=disabled))
    await append(plane, entry, "")


def archived(found: list[dict[str, object]]) -> list[str]:
    """Return rows in the form in which they can be compared, without numbers that count the rows themselves."""
    return sorted(repr({name: value for name, value in row.items() if name != "sequence"}) for row in found)


TABLES = (
    archive.REDEMPTIONS,
    archive.REDEMPTION_ITEMS,
    archive.ROLLBACKS,
    archive.PUBLICATIONS,
    archive.MOVEMENTS,
    archive.VOUCHER_STATES,
    archive.ORDERS,
    archive.CUSTOMERS,
    archive.SLOT_CONFLICTS,
    archive.SET_ASIDE_ENTRIES,
)


async def whole(plane: ControlPlane) -> dict[str, list[str]]:
    return {table.name: archived(await rows(plane, table)) for table in TABLES}


async def happen(plane: ControlPlane) -> None:
    """Let everything happen that the order of entries matters for."""
    campaign = await plane.campaign()
    first = await redeem(plane, 1)
    second = await redeem(plane, 2, "c2")
    await append(plane, ledger.publication(campaign.id, "c3"), "7")
    await edit(plane, 1, disabled=True)
    await undo(plane, first)
    await undo(plane, await redeem(plane, 1, "c4"))
    await redeem(plane, 1, "c5")
    await edit(plane, 2, disabled=False)
    partly = ledger.rollback(second, "n:1")
    partly.rollback.ClearField("rolled_back_ids")
    partly.rollback.redemption_state = 3  # type: ignore[assignment]
    await append(plane, partly, "0:2:0,0:2:0")
    await undo(plane, second)


@pytest.mark.parametrize(
    "kinds", [("redemption",), ("rollback",), ("redemption", "rollback"), ("publication",), ("voucher_change",)]
)
async def test_what_a_defect_kept_out_is_written_by_a_release_without_it_exactly_once(
    plane: ControlPlane, kinds: tuple[str, ...]
) -> None:
    await happen(plane)
    with pytest.MonkeyPatch.context() as patched:
        for kind in kinds:
            patched.setattr(BatchBuilder, f"_add_{kind}", lambda *_: {}["defect"])
        await project(plane)
    assert await rows(plane, archive.SET_ASIDE_ENTRIES)
    # Any number of processes begin at the same time.
    left = await asyncio.gather(*(SetAsideEntries(plane.database)(plane.project) for _ in range(3)))
    assert set(left) == {0}
    found = await whole(plane)
    # The same archive is made of the same ledger without a defect.
    async with plane.database.connection() as connection:
        for table in (*TABLES, archive.CHECKPOINTS):
            await connection.execute(table.delete())
    for partition in range(PARTITIONS):
        for place, _ in await plane.client.xrange(keys.ledger(plane.project, partition)):
            await plane.client.xadd(keys.outbox(plane.project, partition), {"l": place})
    await project(plane)
    expected = await whole(plane)
    assert len(expected["redemptions"]) == 4
    assert expected["slot_conflicts"] == []
    assert found == expected


async def test_an_entry_that_the_archive_still_does_not_take_stays_and_holds_up_no_other_one(
    plane: ControlPlane,
) -> None:
    with defect("redemption"):
        await redeem(plane, 1)
        await append(plane, ledger.publication("camp_unknown", "c1"), "7")
        await append(plane, event_pb2.LedgerEntry(request_id="of a kind that is not known here"), "")
        broken = await plane.client.xadd(
            keys.ledger(plane.project, 1), {"b": ledger.redemption("c", "C", "n:2").SerializeToString()}
        )
        await plane.client.xadd(keys.outbox(plane.project, 1), {"l": broken})
        await redeem(plane, 2, "c2")
        await project(plane)
    assert await SetAsideEntries(plane.database)(plane.project) == 3
    assert await SetAsideEntries(plane.database)(plane.project) == 3
    assert len(await rows(plane, archive.REDEMPTIONS)) == 2
    assert len(await rows(plane, archive.MOVEMENTS)) == 4


async def test_nothing_is_removed_that_is_not_written(plane: ControlPlane) -> None:
    with defect("redemption"):
        await redeem(plane, 1)
        await project(plane)

    async def away(*_arguments: object) -> None:
        raise DomainError(Reason.DATABASE_UNAVAILABLE)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("promo_server.sql.rows.archive.SqlArchive.write", away)
        with pytest.raises(DomainError):
            await SetAsideEntries(plane.database)(plane.project)
    assert await rows(plane, archive.REDEMPTIONS) == []
    assert await SetAsideEntries(plane.database)(plane.project) == 0
    assert len(await rows(plane, archive.REDEMPTIONS)) == 1


async def test_more_entries_than_are_written_at_once_are_written(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promo_server.workers.set_aside._AT_ONCE", 3)
    with defect("redemption"):
        for slot in range(1, 11):
            await redeem(plane, slot, f"c{slot}")
        await project(plane)
    assert await SetAsideEntries(plane.database)(plane.project) == 0
    assert len(await rows(plane, archive.REDEMPTIONS)) == 10


async def test_the_archive_process_tries_them_when_it_begins(plane: ControlPlane) -> None:
    with defect("redemption"):
        await redeem(plane, 1)
        await project(plane)
    ledgers = RedisLedger(plane.client, PARTITIONS)
    archiver = Archiver(plane.database, ledgers, plane.clock, CollectorRegistry())
    archiver.start()
    try:
        async with asyncio.timeout(20):
            while not await rows(plane, archive.REDEMPTIONS):
                await asyncio.sleep(0.02)
    finally:
        await archiver.stop()
    assert await rows(plane, archive.SET_ASIDE_ENTRIES) == []


async def test_a_rollback_of_a_use_that_did_not_count_is_taken_and_lets_no_other_one_count(plane: ControlPlane) -> None:
    # A failover has lost the first use of the slot, and so it was taken again, twice.
    counts = await redeem(plane, 1)
    passed = await redeem(plane, 1, "c2")
    await project(plane)
    with defect("rollback"):
        await undo(plane, passed)
        await redeem(plane, 1, "c3")
        await project(plane)
    assert await SetAsideEntries(plane.database)(plane.project) == 0
    active = [row["redemption_id"] for row in await rows(plane, archive.MOVEMENTS) if row["active"] and row["slot"]]
    assert active == [counts]
    assert len(await rows(plane, archive.SLOT_CONFLICTS)) == 2


async def test_what_another_process_sets_aside_later_is_tried_too(plane: ControlPlane) -> None:
    working = SetAsideRounds(plane.database, SetAsideEntries(plane.database))
    await working()
    with defect("redemption"):
        await redeem(plane, 1)
        await project(plane)
    await working()
    assert len(await rows(plane, archive.REDEMPTIONS)) == 1


async def test_a_store_is_rebuilt_with_what_could_be_taken_and_not_while_something_is_left(plane: ControlPlane) -> None:
    with defect("redemption"):
        await redeem(plane, 1)
        await project(plane)
    async with plane.database.write() as unit:
        (entry,) = await unit.set_aside.page(plane.project, None, 10)
        unreadable = replace(entry, partition=2, entry=b"\xff", problem="UnreadableEntryError: it is none")
        await unit.set_aside.add(plane.project, unreadable, 1)
    await plane.client.flushall()
    rebuild = plane.rebuild()
    with pytest.raises(EntriesSetAsideError) as refused:
        await rebuild()
    assert (refused.value.count, refused.value.first.id) == (1, unreadable.id)
    assert await plane.client.dbsize() == 0
    done = await rebuild(without_set_aside=True)
    assert (done.limits, done.set_aside) == (2, 1)
    uses, _ = keys.limit(plane.project, "n:1", PARTITIONS, single_use=False)
    assert (await plane.client.get(uses)).startswith(b"1:")
    async with plane.database.read() as unit:
        assert [one.id for one in await unit.set_aside.page(plane.project, None, 10)] == [unreadable.id]


async def test_what_a_store_was_rebuilt_without_is_never_taken_and_holds_up_no_later_rebuild(
    plane: ControlPlane,
) -> None:
    campaign = await plane.campaign()
    with defect("publication"):
        await append(plane, ledger.publication(campaign.id, "c1"), "5")
        await project(plane)
        await plane.client.flushall()
        rebuild = plane.rebuild()
        assert (await rebuild(without_set_aside=True)).set_aside == 1
    # The store has handed out the same code again, which the archive hears of later.
    assert await SetAsideEntries(plane.database)(plane.project) == 0
    await append(plane, ledger.publication(campaign.id, "c2"), "5")
    await project(plane)
    assert [row["customer"] for row in await rows(plane, archive.PUBLICATIONS)] == ["c2"]
    await plane.client.flushall()
    assert (await rebuild()).set_aside == 1
    counters = RedisCounters(plane.client, PARTITIONS)
    report = await LedgerVerification(plane.database, RedisLedger(plane.client, PARTITIONS), counters)(plane.project)
    (told,) = report.differences
    assert "the store was rebuilt without it" in told.problem


async def test_entries_are_listed_in_the_order_in_which_they_happened(plane: ControlPlane) -> None:
    places = [(2, StreamId(9, 1)), (1, StreamId(10, 0)), (3, StreamId(10, 0)), (0, StreamId(10, 1))]
    async with plane.database.write() as unit:
        for partition, place in reversed(places):
            await unit.set_aside.add(plane.project, SetAsideEntry(partition, place, b"", (1, 2), "x"), 1)
        listed = list(await unit.set_aside.page(plane.project, None, 2))
        listed += await unit.set_aside.page(plane.project, listed[-1], 9)
    assert [(one.partition, one.place) for one in listed] == places
    assert {one.positions for one in listed} == {(1, 2)}
