from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import Table, delete, select
from support import ledger
from support.control_plane import PARTITIONS, ControlPlane

from promo.v1 import event_pb2
from promo_server.domain.errors import DomainError
from promo_server.domain.ledger import Checkpoint, StreamId
from promo_server.domain.reasons import Reason
from promo_server.embedded import EmbeddedStore
from promo_server.sql.tables import archive
from promo_server.store import keys
from promo_server.store.client import connect
from promo_server.store.counters import RedisCounters
from promo_server.store.ledger import RedisLedger
from promo_server.workers.verification import LedgerVerification, Report

pytestmark = pytest.mark.asyncio


async def rows(plane: ControlPlane, table: Table) -> list[dict[str, object]]:
    async with plane.database.connection() as connection:
        return [dict(row) for row in (await connection.execute(select(table))).mappings()]


async def redeem(plane: ControlPlane, partition: int, slot: int, limit: str = "n:1", customer: str = "c1") -> str:
    entry = ledger.redemption(customer, "CODE", limit)
    results = f"{slot}:{slot}:{slot},0:{slot}:{slot * 500}"
    place = await ledger.append(plane.client, plane.project, partition, entry, results)
    return redemption_id(partition, place)


def redemption_id(partition: int, place: str) -> str:
    at = StreamId.parse(place)
    return f"r_{partition:02x}{at.milliseconds:011x}{at.sequence:03x}"


async def undo(plane: ControlPlane, partition: int, id_: str, limit: str = "n:1") -> None:
    await ledger.append(plane.client, plane.project, partition, ledger.rollback(id_, limit), "0:2:0,0:2:0")


async def outbox_lengths(plane: ControlPlane) -> Sequence[int]:
    return [await plane.client.xlen(keys.outbox(plane.project, partition)) for partition in range(PARTITIONS)]


async def test_a_redemption_becomes_rows_and_its_outbox_entry_is_trimmed(plane: ControlPlane) -> None:
    id_ = await redeem(plane, 1, 1)
    assert await plane.projection().run_round(plane.project) == 1
    (redemption,) = await rows(plane, archive.REDEMPTIONS)
    assert (redemption["id"], redemption["state"], redemption["discount_amount"]) == (id_, "succeeded", 500)
    (item,) = await rows(plane, archive.REDEMPTION_ITEMS)
    assert (item["id"], item["rollback_id"]) == (f"{id_}.0", None)
    movements = await rows(plane, archive.MOVEMENTS)
    assert [(row["limit_name"], row["slot"], row["total"], row["active"]) for row in movements] == [
        ("n:1", 1, 1, True),
        ("m:1", 0, 500, True),
    ]
    (order,) = await rows(plane, archive.ORDERS)
    assert order["source_id"] == "o1"
    assert await outbox_lengths(plane) == [0, 0, 0, 0]
    assert await plane.client.xlen(keys.ledger(plane.project, 1)) == 1


@pytest.mark.parametrize("at_once", [PARTITIONS, 2 * PARTITIONS, 100])
async def test_entries_of_one_commit_are_archived_once_however_many_a_round_takes(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("promo_server.workers.projection._AT_ONCE", at_once)
    entries = [(ledger.redemption("c1", "CODE", "n:1"), f"{slot}:{slot}:{slot},0:{slot}:1") for slot in range(1, 6)]
    places = await ledger.append_together(plane.client, plane.project, 1, entries[:4])
    places += await ledger.append_together(plane.client, plane.project, 1, entries[4:])
    # Each round is of another process, which knows no more than the database.
    while await plane.projection().run_round(plane.project):
        pass
    found = sorted(str(row["id"]) for row in await rows(plane, archive.REDEMPTIONS))
    assert found == sorted(redemption_id(1, place) for place in places)
    assert await outbox_lengths(plane) == [0, 0, 0, 0]


async def test_entries_are_projected_once_by_any_number_of_processes(plane: ControlPlane) -> None:
    for slot in range(1, 101):
        await redeem(plane, slot % PARTITIONS, slot)
    projections = [plane.projection() for _ in range(4)]
    await asyncio.gather(*(projection.run_round(plane.project) for projection in projections))
    assert len(await rows(plane, archive.REDEMPTIONS)) == 100
    assert len(await rows(plane, archive.MOVEMENTS)) == 200
    assert await rows(plane, archive.SLOT_CONFLICTS) == []


@pytest.mark.parametrize("restarted", [False, True])
async def test_what_was_not_trimmed_is_projected_once_and_trimmed_though_no_news_come(
    plane: ControlPlane, *, restarted: bool
) -> None:
    await redeem(plane, 0, 1)
    await redeem(plane, 1, 2)
    dying = plane.projection()
    trim = dying._ledger.trim_outbox

    async def crash(*_arguments: object) -> None:
        raise DomainError(Reason.STORE_UNAVAILABLE)

    dying._ledger.trim_outbox = crash  # type: ignore[method-assign]
    assert await dying.run_round(plane.project) == 2
    assert await outbox_lengths(plane) == [1, 1, 0, 0]
    await redeem(plane, 0, 3)
    dying._ledger.trim_outbox = trim  # type: ignore[method-assign]
    projection = plane.projection() if restarted else dying
    # A round is for what has news, which the other partition has not.
    assert await projection.wait([plane.project], 0) == {plane.project}
    assert await projection.run_round(plane.project) == 1
    assert len(await rows(plane, archive.REDEMPTIONS)) == 3
    assert await outbox_lengths(plane) == [0, 0, 0, 0]


async def test_what_was_written_before_the_database_went_away_is_trimmed_though_no_news_come(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    await redeem(plane, 0, 1)
    await redeem(plane, 1, 2)
    projection = plane.projection()
    write, problems = projection._write, iter([Reason.CONFLICT, None, Reason.DATABASE_UNAVAILABLE])

    async def write_or_fail(*what: Any) -> Mapping[int, Checkpoint]:
        problem = next(problems, None)
        if problem is not None:
            raise DomainError(problem)
        return await write(*what)

    monkeypatch.setattr(projection, "_write", write_or_fail)
    with pytest.raises(DomainError) as failure:
        await projection.run_round(plane.project)
    assert failure.value.reason is Reason.DATABASE_UNAVAILABLE
    assert len(await rows(plane, archive.REDEMPTIONS)) == 1
    assert await outbox_lengths(plane) == [1, 1, 0, 0]
    assert await projection.wait([plane.project], 0) == {plane.project}
    assert await outbox_lengths(plane) == [0, 1, 0, 0]
    assert await projection.run_round(plane.project) == 1
    assert len(await rows(plane, archive.REDEMPTIONS)) == 2
    assert await outbox_lengths(plane) == [0, 0, 0, 0]


async def test_a_store_that_takes_no_writes_is_archived_all_the_same(plane: ControlPlane) -> None:
    await redeem(plane, 0, 1)
    await plane.projection().run_round(plane.project)
    await redeem(plane, 0, 2)
    await redeem(plane, 1, 3)
    projection = plane.projection()
    await plane.client.config_set("min-replicas-to-write", 1)
    try:
        assert await projection.wait([plane.project], 0) == {plane.project}
        assert await projection.run_round(plane.project) == 2
        assert len(await rows(plane, archive.REDEMPTIONS)) == 3
        assert await projection.wait([plane.project], 0) == set()
        assert await outbox_lengths(plane) == [1, 1, 0, 0]
    finally:
        await plane.client.config_set("min-replicas-to-write", 0)
    assert await projection.wait([plane.project], 0) == set()
    assert await outbox_lengths(plane) == [0, 0, 0, 0]


async def test_a_rollback_frees_the_slot_for_the_next_use(plane: ControlPlane) -> None:
    id_ = await redeem(plane, 0, 1)
    projection = plane.projection()
    await projection.run_round(plane.project)
    await undo(plane, 0, id_)
    await redeem(plane, 0, 1, customer="c2")
    await projection.run_round(plane.project)
    movements = await rows(plane, archive.MOVEMENTS)
    assert [(row["redemption_id"] == id_, row["active"]) for row in movements if row["slot"]] == [
        (True, False),
        (False, True),
    ]
    first = next(row for row in await rows(plane, archive.REDEMPTIONS) if row["id"] == id_)
    assert first["state"] == "rolled_back"
    (done,) = [row for row in await rows(plane, archive.REDEMPTION_ITEMS) if row["rollback_id"]]
    assert done["id"] == f"{id_}.0"


async def test_a_redemption_and_its_rollback_in_one_round_count_for_nothing(plane: ControlPlane) -> None:
    id_ = await redeem(plane, 0, 1)
    await undo(plane, 0, id_)
    await redeem(plane, 0, 1)
    await plane.projection().run_round(plane.project)
    active = [row for row in await rows(plane, archive.MOVEMENTS) if row["active"]]
    assert len(active) == 2
    assert id_ not in {row["redemption_id"] for row in active}


async def test_a_slot_freed_in_another_partition_is_waited_for(plane: ControlPlane) -> None:
    id_ = await redeem(plane, 0, 1)
    projection = plane.projection()
    await projection.run_round(plane.project)
    await undo(plane, 0, id_)
    await redeem(plane, 3, 1)
    real, reads = projection._ledger.notices, list[int]()

    async def late(project: str, after: dict[int, Checkpoint], count: int) -> object:
        found = dict(await real(project, after, count))
        reads.append(len(found))
        if len(reads) == 1:
            # The rollback's partition was read a moment before the rollback.
            return {3: found[3], 0: found[0]}
        return found

    projection._ledger.notices = late  # type: ignore[method-assign, assignment]
    await projection.run_round(plane.project)
    await projection.run_round(plane.project)
    assert await rows(plane, archive.SLOT_CONFLICTS) == []
    assert len([row for row in await rows(plane, archive.MOVEMENTS) if row["active"] and row["slot"]]) == 1


async def test_a_passed_limit_is_noted_and_does_not_stop_the_projection(plane: ControlPlane) -> None:
    await redeem(plane, 0, 1)
    await redeem(plane, 1, 1)
    await redeem(plane, 1, 2)
    projection = plane.projection()
    while await projection.run_round(plane.project):
        pass
    (conflict,) = await rows(plane, archive.SLOT_CONFLICTS)
    assert (conflict["limit_name"], conflict["slot"]) == ("n:1", 1)
    assert len(await rows(plane, archive.REDEMPTIONS)) == 3
    assert await outbox_lengths(plane) == [0, 0, 0, 0]


async def test_a_passed_limit_is_noted_while_other_partitions_are_busy(plane: ControlPlane) -> None:
    await redeem(plane, 0, 1)
    await redeem(plane, 1, 1)
    projection = plane.projection()
    for slot in range(2, 6):
        await redeem(plane, 2, slot)
        await projection.run_round(plane.project)
    (conflict,) = await rows(plane, archive.SLOT_CONFLICTS)
    assert (conflict["limit_name"], conflict["slot"]) == ("n:1", 1)
    assert await outbox_lengths(plane) == [0, 0, 0, 0]


async def test_a_slot_freed_behind_much_else_is_waited_for(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promo_server.workers.projection._AT_ONCE", 2 * PARTITIONS)
    id_ = await redeem(plane, 0, 1)
    await plane.projection().run_round(plane.project)
    for slot in range(2, 8):
        await redeem(plane, 0, slot)
    await undo(plane, 0, id_)
    await asyncio.sleep(0.002)
    await redeem(plane, 3, 1)
    projection = plane.projection()
    while await projection.run_round(plane.project):
        pass
    assert await rows(plane, archive.SLOT_CONFLICTS) == []
    assert await outbox_lengths(plane) == [0, 0, 0, 0]


async def test_a_publication_gets_its_id_from_campaign_and_position(plane: ControlPlane) -> None:
    campaign = await plane.campaign()
    entry = ledger.publication(campaign.id, "c1", "s1")
    await ledger.append(plane.client, plane.project, 1, entry, "35,36")
    await plane.projection().run_round(plane.project)
    (row,) = await rows(plane, archive.PUBLICATIONS)
    assert (row["id"], row["positions"], row["source_id"]) == ("pub_1_z", [35, 36], "s1")


async def test_a_profile_is_kept_when_a_later_call_says_nothing_about_it(plane: ControlPlane) -> None:
    campaign = await plane.campaign()
    await ledger.append(plane.client, plane.project, 1, ledger.publication(campaign.id, "c1"), "0")
    projection = plane.projection()
    await projection.run_round(plane.project)
    await redeem(plane, 0, 1, customer="c1")
    await projection.run_round(plane.project)
    (customer,) = await rows(plane, archive.CUSTOMERS)
    assert (customer["source_id"], customer["name"]) == ("c1", "Ada")


async def test_the_ledger_is_trimmed_behind_the_archive_only(plane: ControlPlane) -> None:
    for slot in range(1, 301):
        await redeem(plane, 0, slot)
    projection, store = plane.projection(), RedisLedger(plane.client, PARTITIONS)
    await store.trim_ledger(plane.project, await archived(plane), 0, 100)
    assert await plane.client.xlen(keys.ledger(plane.project, 0)) == 300
    await projection.run_round(plane.project)
    await store.trim_ledger(plane.project, await archived(plane), 0, 100)
    # The store forgets whole blocks, so a few more stay.
    assert 100 <= await plane.client.xlen(keys.ledger(plane.project, 0)) < 200
    found = await plane.use_cases.archive.redemption(plane.caller, (await rows(plane, archive.REDEMPTIONS))[0]["id"])  # type: ignore[arg-type]
    assert event_pb2.LedgerEntry.FromString(found.entry).redemption.order.amount == 10_000


async def archived(plane: ControlPlane) -> dict[int, StreamId]:
    async with plane.database.read() as unit:
        checkpoints = await unit.archive.checkpoints(plane.project)
    return {partition: checkpoint.ledger for partition, checkpoint in checkpoints.items()}


async def test_entries_that_one_outbox_entry_names_are_kept_until_each_is_archived(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promo_server.workers.projection._AT_ONCE", 110 * PARTITIONS)
    entries = [(ledger.redemption("c1", "CODE", "n:1"), f"{slot}:{slot}:{slot},0:{slot}:1") for slot in range(1, 301)]
    await ledger.append_together(plane.client, plane.project, 0, entries)
    store = RedisLedger(plane.client, PARTITIONS)
    await plane.projection().run_round(plane.project)
    for _ in range(2):
        await store.trim_ledger(plane.project, await archived(plane), 0, 50)
    assert 190 <= await plane.client.xlen(keys.ledger(plane.project, 0)) < 300
    while await plane.projection().run_round(plane.project):
        pass
    assert len(await rows(plane, archive.REDEMPTIONS)) == 300


async def test_entries_of_a_time_are_trimmed_to_the_last_one(plane: ControlPlane) -> None:
    entry = ledger.redemption("c", "C", "n:1")
    places = [await ledger.append(plane.client, plane.project, 0, entry, f"{n}:{n}:{n},0:{n}:5") for n in range(1, 6)]
    store = RedisLedger(plane.client, PARTITIONS)
    await store.trim_ledger(plane.project, {0: StreamId.parse(places[2])}, 2**53, 1_000)
    left = await plane.client.xrange(keys.ledger(plane.project, 0))
    assert [place.decode() for place, _ in left] == places[3:]


async def test_the_archive_has_whole_entries_by_id(plane: ControlPlane) -> None:
    campaign = await plane.campaign()
    id_ = await redeem(plane, 0, 7)
    await undo(plane, 0, id_)
    published = ledger.publication(campaign.id, "c1", "s1")
    place = await ledger.append(plane.client, plane.project, 1, published, "35")
    await plane.projection().run_round(plane.project)
    (rollback,) = await rows(plane, archive.ROLLBACKS)
    read = plane.use_cases.archive
    entries = [
        event_pb2.LedgerEntry.FromString(await read.entry(plane.caller, name) or b"")
        for name in (id_, str(rollback["id"]), f"01:{place}")
    ]
    assert entries[0].movements[0].slot == 7
    assert entries[1].rollback.redemption_id == id_
    assert entries[2].publication.id == "pub_1_z"
    for unknown in ("r_0000000000000000", "02:1-1", "x", "r_'", ""):
        assert await read.entry(plane.caller, unknown) is None


@pytest.mark.parametrize("at_once", [False, True])
async def test_an_order_is_as_it_was_said_last_and_was_placed_when_it_was_said_first(
    plane: ControlPlane, *, at_once: bool
) -> None:
    projection = plane.projection()
    # Three partitions; the last one read is not the last one written.
    for partition, (seconds, discount) in enumerate([(200, 2), (300, 3), (100, 1)]):
        entry = ledger.redemption("c1", "CODE", f"n:{partition}", discount=discount, at_seconds=seconds)
        await ledger.append(plane.client, plane.project, partition, entry, f"1:1:1,0:1:{discount}")
        if not at_once:
            await projection.run_round(plane.project)
    await projection.run_round(plane.project)
    (order,) = await rows(plane, archive.ORDERS)
    assert (order["discount_amount"], order["create_ms"], order["update_ms"]) == (3, 100_000, 300_000)
    last = next(row for row in await rows(plane, archive.REDEMPTIONS) if row["redeem_ms"] == 300_000)
    assert order["redemption_id"] == last["id"]


async def test_a_transaction_has_no_more_entries_when_more_partitions_are_busy_than_before(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promo_server.workers.projection._AT_ONCE", 10)
    projection = plane.projection()
    await redeem(plane, 0, 1)
    assert await projection.run_round(plane.project) == 1
    for slot in range(2, 42):
        # Of the first partition two entries only.
        await redeem(plane, slot % PARTITIONS if slot in {4, 8} or slot % PARTITIONS else 1, slot)
    assert await projection.run_round(plane.project) == 10
    while count := await projection.run_round(plane.project):
        assert count <= 10
    assert len(await rows(plane, archive.REDEMPTIONS)) == 41


async def test_an_idle_round_waits_no_longer_than_the_store_may_take_to_answer(
    plane: ControlPlane, embedded_store: EmbeddedStore
) -> None:
    client = connect(embedded_store.url, timeout_seconds=0.5)
    hasty = RedisLedger(client, PARTITIONS)
    try:
        await hasty.wait({plane.project: {}}, 500)
        await redeem(plane, 0, 1)
        assert len(await hasty.notices(plane.project, {}, 1)) == 1
    finally:
        await client.aclose()


async def test_a_wait_for_several_projects_ends_with_the_first_news_of_any(
    plane: ControlPlane, embedded_store: EmbeddedStore
) -> None:
    other = (await plane.use_cases.bootstrap("other", [])).project.id
    client = connect(embedded_store.url, timeout_seconds=240.0)
    waiting = asyncio.create_task(RedisLedger(client, PARTITIONS).wait({plane.project: {}, other: {}}, 100_000))
    async with asyncio.timeout(50):
        while not (await plane.client.info("clients"))["blocked_clients"]:
            await asyncio.sleep(0.01)
        await ledger.append(plane.client, other, 3, ledger.redemption("c1", "A", "n:1"), "1:1:1,0:1:500")
        await waiting
    await client.aclose()


async def test_an_entry_with_nul_in_its_texts_is_archived_with_something_else_there(plane: ControlPlane) -> None:
    entry = ledger.redemption("c\0", "CO\0DE", "u:1:c\0", order="\0o")
    entry.customer.name = "A\0da"
    entry.customer.metadata["k\0"] = "v\0"
    entry.redemption.order.items.add(source_id="l\0").metadata["k"] = "\0"
    await ledger.append(plane.client, plane.project, 1, entry, "1:1:1,0:1:500")
    report = await verify(plane)
    assert report.agrees, report.differences
    (customer,) = await rows(plane, archive.CUSTOMERS)
    assert (customer["source_id"], customer["name"]) == ("c\ufffd", "A\ufffdda")
    assert customer["metadata"] == {"k\ufffd": "v\ufffd"}
    (order,) = await rows(plane, archive.ORDERS)
    assert (order["source_id"], order["customer"]) == ("\ufffdo", "c\ufffd")
    (item,) = await rows(plane, archive.REDEMPTION_ITEMS)
    assert item["code"] == "CO\ufffdDE"


async def verify(plane: ControlPlane) -> Report:
    """Project everything and compare entries with rows; no limit was counted here."""
    projection = plane.projection()
    while await projection.run_round(plane.project):
        pass
    streams, counters = RedisLedger(plane.client, PARTITIONS), RedisCounters(plane.client, PARTITIONS)
    report = await LedgerVerification(plane.database, streams, counters)(plane.project)
    report.differences = [one for one in report.differences if "the store nothing" not in one.problem]
    return report


async def test_entries_that_the_archive_cannot_take_are_set_aside_and_those_behind_them_are_archived(
    plane: ControlPlane,
) -> None:
    campaign = await plane.campaign()
    good = [await redeem(plane, 1, 1)]
    place = await plane.client.xadd(keys.ledger(plane.project, 1), {"b": b"\xff", "o": ""})
    await plane.client.xadd(keys.outbox(plane.project, 1), {"l": place})
    good.append(await redeem(plane, 1, 2))
    unknown = ledger.publication("camp_unknown", "c1")
    where = await ledger.append(plane.client, plane.project, 2, unknown, "7")
    await ledger.append(plane.client, plane.project, 2, ledger.publication(campaign.id, "c2"), "8")
    good.append(await redeem(plane, 2, 3))
    report = await verify(plane)
    assert sorted(str(row["id"]) for row in await rows(plane, archive.REDEMPTIONS)) == sorted(good)
    (publication,) = await rows(plane, archive.PUBLICATIONS)
    assert publication["customer"] == "c2"
    first, second = sorted(await rows(plane, archive.SET_ASIDE_ENTRIES), key=lambda row: int(row["partition"]))
    assert (first["partition"], first["entry"], first["positions"]) == (1, b"\xff", [])
    assert (second["partition"], second["positions"]) == (2, [7])
    assert event_pb2.LedgerEntry.FromString(second["entry"]).publication.campaign_id == "camp_unknown"  # type: ignore[arg-type]
    assert await outbox_lengths(plane) == [0, 0, 0, 0]
    told = [one.subject for one in report.differences if "set it aside" in one.problem]
    assert sorted(told) == [f"01:{place.decode()}", f"02:{where}"]


async def test_an_entry_whose_id_is_taken_is_set_aside(plane: ControlPlane) -> None:
    await redeem(plane, 1, 1)
    projection = plane.projection()
    await projection.run_round(plane.project)
    # As in a store that was restored, whose ledger goes on from an earlier place.
    async with plane.database.connection() as connection:
        await connection.execute(delete(archive.CHECKPOINTS))
        await connection.execute(delete(archive.MOVEMENTS))
    (place, _), *_ = await plane.client.xrange(keys.ledger(plane.project, 1))
    await plane.client.xadd(keys.outbox(plane.project, 1), {"l": place})
    await redeem(plane, 1, 2)
    report = await verify(plane)
    assert len(await rows(plane, archive.REDEMPTIONS)) == 2
    assert [one.subject for one in report.differences if "set it aside" in one.problem] == [f"01:{place.decode()}"]


async def test_nothing_is_set_aside_while_the_database_is_away(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    await redeem(plane, 1, 1)
    projection = plane.projection()

    async def away(*_arguments: object) -> None:
        raise DomainError(Reason.DATABASE_UNAVAILABLE)

    with monkeypatch.context() as patched:
        patched.setattr("promo_server.sql.rows.archive.SqlArchive.write", away)
        with pytest.raises(DomainError):
            await projection.run_round(plane.project)
    assert await rows(plane, archive.SET_ASIDE_ENTRIES) == []
    assert await projection.run_round(plane.project) == 1


async def test_an_entry_with_a_text_too_long_for_an_index_is_set_aside(plane: ControlPlane) -> None:
    if plane.database.url.startswith("sqlite"):
        pytest.skip("SQLite indexes texts of any length")
    await redeem(plane, 1, 1, customer="".join(secrets.token_hex(16) for _ in range(2_000)))
    good = await redeem(plane, 1, 2)
    while await plane.projection().run_round(plane.project):
        pass
    assert [row["id"] for row in await rows(plane, archive.REDEMPTIONS)] == [good]
    (kept,) = await rows(plane, archive.SET_ASIDE_ENTRIES)
    assert str(kept["problem"]).startswith("DataRefusedError")
