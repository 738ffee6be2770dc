"""Customers: what calls say of them, and what is left when they are erased."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping

import pytest
from sqlalchemy import Table, select
from support import ledger
from support.control_plane import PARTITIONS, ControlPlane

from promo.v1 import event_pb2, publication_pb2
from promo.v1.voucher_pb2 import VoucherOverride
from promo_server.domain.ledger import StreamId
from promo_server.domain.lists import CUSTOMERS, ListQuery
from promo_server.services.archive_ports import SetAsideEntry
from promo_server.services.freshness import Freshness
from promo_server.services.history_ports import ArchivedCustomer
from promo_server.sql.tables import archive
from promo_server.store import keys
from promo_server.store.ledger import RedisLedger
from promo_server.store.publications import RedisPublications, holder_value
from promo_server.workers.entries import read_entry
from promo_server.workers.erasure import ErasureRounds
from promo_server.workers.facts import BatchBuilder
from promo_server.workers.set_aside import SetAsideEntries

pytestmark = pytest.mark.asyncio

AT = 1_795_000_000_000


def change(at_ms: int, *, erased: bool = False, **fields: str | Mapping[str, str]) -> event_pb2.LedgerEntry:
    entry = event_pb2.LedgerEntry()
    made = entry.customer_change
    made.change_time.FromMilliseconds(at_ms)
    made.erased = erased
    made.customer.source_id = "c1"
    made.fields.extend(sorted(fields))
    for name, value in fields.items():
        if isinstance(value, str):
            setattr(made.customer, name, value)
        else:
            made.customer.metadata.update(value)
    return entry


async def append(plane: ControlPlane, entry: event_pb2.LedgerEntry, partition: int = 0, results: str = "") -> None:
    await ledger.append(plane.client, plane.project, partition, entry, results)


async def project(plane: ControlPlane, *entries: event_pb2.LedgerEntry, at_once: bool = False) -> None:
    """Project entries, each in a round of its own or all in one."""
    for entry in entries:
        await append(plane, entry)
        if not at_once:
            await plane.projection().run_round(plane.project)
    await plane.projection().run_round(plane.project)


async def customer(plane: ControlPlane) -> ArchivedCustomer | None:
    async with plane.database.read() as unit:
        found = await unit.history.customer(plane.project, "c1")
        listed = await unit.history.customers(plane.project, ListQuery((), CUSTOMERS.default, 10))
    assert list(listed.rows) == ([found] if found else [])
    return found


async def column(plane: ControlPlane, table: Table, name: str) -> list[object]:
    async with plane.database.connection() as connection:
        return list(await connection.scalars(select(table.c[name])))


def seen(at_ms: int, name: str = "") -> event_pb2.LedgerEntry:
    """A publication that names the customer."""
    entry = ledger.publication("camp_a", "c1")
    entry.customer.name = name
    entry.publication.publish_time.FromMilliseconds(at_ms)
    return entry


@pytest.mark.parametrize("at_once", [False, True])
async def test_fields_that_were_not_written_stay_and_empty_ones_that_were_are_cleared(
    plane: ControlPlane, *, at_once: bool
) -> None:
    await project(
        plane,
        change(AT, name="Ada", email="ada@example.com", metadata={"tier": "gold"}),
        change(AT + 1, phone="+44", name=""),
        change(AT + 2, metadata={}),
        change(AT + 3),
        at_once=at_once,
    )
    found = await customer(plane)
    assert found is not None
    assert (found.name, found.email, found.phone, found.metadata) == ("", "ada@example.com", "+44", {})
    assert (found.create_ms, found.update_ms) in {(AT, AT + 2), (AT, AT + 3)}
    assert found.id.startswith("cust_")


@pytest.mark.parametrize("at_once", [False, True])
async def test_what_was_said_last_stands_whenever_it_is_projected(plane: ControlPlane, *, at_once: bool) -> None:
    await project(plane, change(AT + 5, email="new@example.com"), change(AT, email="old@example.com"), at_once=at_once)
    found = await customer(plane)
    assert found is not None
    assert (found.email, found.update_ms) == ("new@example.com", AT + 5)


@pytest.mark.parametrize("at_once", [False, True])
async def test_an_erased_customer_is_gone_and_older_words_do_not_bring_them_back(
    plane: ControlPlane, *, at_once: bool
) -> None:
    erasure = change(AT + 5, erased=True)
    await project(plane, change(AT, email="a@example.com"), erasure, change(AT + 1, name="Ada"), at_once=at_once)
    assert await customer(plane) is None
    for name in ("name", "email", "phone"):
        assert await column(plane, archive.CUSTOMERS, name) == [""]
    await project(plane, change(AT + 9, phone="+44"))
    found = await customer(plane)
    assert found is not None
    assert (found.name, found.email, found.phone, found.create_ms) == ("", "", "+44", AT + 9)


async def test_somebody_unknown_can_be_erased(plane: ControlPlane) -> None:
    await project(plane, change(AT, erased=True), change(AT - 1, name="Ada"))
    assert await customer(plane) is None
    assert await column(plane, archive.CUSTOMERS, "name") == [""]


async def test_erasing_again_starts_the_work_again(plane: ControlPlane) -> None:
    await project(plane, change(AT, erased=True))
    await rounds(plane)()
    assert await column(plane, archive.ERASURES, "done_ms") == [plane.clock.now_ms]
    await project(plane, change(AT + 5, erased=True))
    assert await column(plane, archive.ERASURES, "done_ms") == [None]
    await rounds(plane)()
    assert await column(plane, archive.ERASURES, "done_ms") == [plane.clock.now_ms]


def rounds(plane: ControlPlane, wait_seconds: float = 2.0) -> ErasureRounds:
    return ErasureRounds(
        plane.database,
        Freshness(plane.database, RedisLedger(plane.client, PARTITIONS), wait_seconds),
        RedisPublications(plane.client, PARTITIONS),
        plane.clock,
    )


async def personal_entries(plane: ControlPlane) -> tuple[event_pb2.LedgerEntry, event_pb2.LedgerEntry]:
    """Write a redemption and a publication that say everything of c1, and return their entries."""
    campaign = await plane.campaign()
    used = ledger.redemption("c1", "CODE", "n:1", campaign_id=campaign.id, at_seconds=AT // 1000)
    used.customer.email = "ada@example.com"
    used.customer.metadata["secret"] = "one"
    used.redemption.metadata["secret"] = "two"
    used.redemption.order.metadata["secret"] = "three"
    used.redemption.order.items.add(source_id="line", quantity=1).metadata["secret"] = "four"
    handed_out = ledger.publication(campaign.id, "c1", "s1")
    handed_out.publication.metadata["secret"] = "five"
    await append(plane, used, results="1:1:1,0:1:500")
    await append(plane, handed_out, partition=1, results="35,36")
    record = publication_pb2.Publication()
    record.CopyFrom(handed_out.publication)
    record.ClearField("campaign_id")
    bucket = keys.holders(plane.project, campaign.number, 0, PARTITIONS)
    await plane.client.hset(bucket, "35", holder_value((35, 36), record.SerializeToString()))  # type: ignore[misc]
    return used, handed_out


async def entries(plane: ControlPlane) -> list[event_pb2.LedgerEntry]:
    (used,) = await column(plane, archive.REDEMPTIONS, "entry")
    (handed_out,) = await column(plane, archive.PUBLICATIONS, "entry")
    return [event_pb2.LedgerEntry.FromString(bytes(one)) for one in (used, handed_out)]  # type: ignore[arg-type]


async def test_entries_of_an_erased_person_say_what_was_used_and_nothing_of_the_person(plane: ControlPlane) -> None:
    await personal_entries(plane)
    await project(plane, change(AT + 5, erased=True))
    await rounds(plane)()
    used, handed_out = await entries(plane)
    for entry in (used, handed_out):
        text = str(entry)
        assert "secret" not in text
        assert "ada@example.com" not in text
        assert "Ada" not in text
    assert used.redemption.customer == used.customer.source_id == "c1"
    assert used.redemption.order.amount == 10_000
    assert used.redemption.order.items[0].source_id == "line"
    assert [movement.limit for movement in used.movements] == ["n:1", "m:1"]
    assert handed_out.publication.source_id == "s1"
    bucket = keys.holders(plane.project, 1, 0, PARTITIONS)
    positions, _, record = (await plane.client.hget(bucket, "35")).partition(b"|")  # type: ignore[misc]
    kept = publication_pb2.Publication.FromString(record)
    assert positions == b"35,36"
    assert (kept.customer, kept.source_id, dict(kept.metadata)) == ("c1", "s1", {})
    assert kept.HasField("publish_time")


async def test_entries_on_their_way_to_the_archive_are_waited_for(plane: ControlPlane) -> None:
    projection = plane.projection()
    await append(plane, change(AT + 5, erased=True), partition=2)
    await projection.run_round(plane.project)
    await personal_entries(plane)
    await rounds(plane, wait_seconds=0.02)()
    assert await column(plane, archive.ERASURES, "done_ms") == [None]
    await projection.run_round(plane.project)
    await rounds(plane)()
    assert "secret" not in str(await entries(plane))
    assert await customer(plane) is None


async def edit(plane: ControlPlane, campaign_id: str, position: int, revision: int = 1) -> VoucherOverride:
    """Give a voucher metadata and terms of its own, in the store and in the ledger, with the bytes of the engine."""
    override = VoucherOverride(revision=revision, disabled=True, metadata={f"secret {key}": "six" for key in range(9)})
    entry = event_pb2.LedgerEntry()
    entry.voucher.campaign_id, entry.voucher.position = campaign_id, position
    entry.voucher.override.CopyFrom(override)
    await append(plane, entry)
    key = keys.voucher_override(plane.project, 1, position, PARTITIONS)
    await plane.client.set(key, override.SerializeToString(deterministic=True))
    return override


async def overrides(plane: ControlPlane, *positions: int) -> list[VoucherOverride]:
    """Return what vouchers have of their own, which must be the same in the store and in the archive."""
    names = [keys.voucher_override(plane.project, 1, position, PARTITIONS) for position in positions]
    kept = await plane.client.mget(names)
    async with plane.database.connection() as connection:
        states = archive.VOUCHER_STATES.c
        archived = dict(tuple(row) for row in await connection.execute(select(states.position, states.record)))
    found = [VoucherOverride.FromString(record) for record in kept]
    assert [VoucherOverride.FromString(archived[position]) for position in positions] == found
    return found


async def test_vouchers_of_an_erased_person_have_no_metadata_and_keep_their_terms(plane: ControlPlane) -> None:
    used, _ = await personal_entries(plane)
    campaign_id = used.redemption.results[0].campaign_id
    before = [await edit(plane, campaign_id, position) for position in (35, 36, 37)]
    await project(plane, change(AT + 5, erased=True))
    # Changed again before the erasure gets to it: what is there then goes.
    changed = VoucherOverride(revision=2, metadata={"secret": "seven"})
    key = keys.voucher_override(plane.project, 1, 36, PARTITIONS)
    await plane.client.set(key, changed.SerializeToString())
    await rounds(plane)()
    assert await column(plane, archive.ERASURES, "done_ms") == [None]
    entry = event_pb2.LedgerEntry()
    entry.voucher.campaign_id, entry.voucher.position = campaign_id, 36
    entry.voucher.override.CopyFrom(changed)
    await append(plane, entry)
    await plane.projection().run_round(plane.project)
    await rounds(plane)()
    assert await column(plane, archive.ERASURES, "done_ms") == [plane.clock.now_ms]
    # The voucher at 37 is nobody's.
    assert await overrides(plane, 35, 36, 37) == [
        VoucherOverride(revision=1, disabled=True),
        VoucherOverride(revision=2),
        before[2],
    ]


async def set_aside(plane: ControlPlane) -> list[SetAsideEntry]:
    async with plane.database.read() as unit:
        return list(await unit.set_aside.page(plane.project, None, 100))


def refuse(*_arguments: object) -> None:
    raise ValueError("secret of Ada")


@pytest.mark.parametrize("done", [False, True])
async def test_entries_that_the_archive_could_not_take_are_erased_and_can_still_be_taken(
    plane: ControlPlane, *, done: bool
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        for kind in ("redemption", "publication", "voucher_change", "change"):
            patched.setattr(BatchBuilder, f"_add_{kind}", refuse)
        used, _ = await personal_entries(plane)
        campaign_id = used.redemption.results[0].campaign_id
        # A voucher of theirs, which only the publication that waits itself can tell, and one of nobody.
        theirs, nobodys = [await edit(plane, campaign_id, position) for position in (35, 37)]
        await append(plane, change(AT, name="Ada", email="ada@example.com"), partition=1)
        other = ledger.redemption("c2", "CODE", "n:2", order="o2")
        other.redemption.metadata["secret"] = "kept"
        await append(plane, other, results="1:1:1,0:1:500")
        for blob in (b"\xff \x02c1 secret", b"\xff \x02c3 unreadable"):
            place = await plane.client.xadd(keys.ledger(plane.project, 2), {"b": blob, "o": ""})
            await plane.client.xadd(keys.outbox(plane.project, 2), {"l": place})
        await plane.projection().run_round(plane.project)
    assert len(await set_aside(plane)) == 8
    await project(plane, change(AT + 5, erased=True))
    if done:
        await rounds(plane)()
        waiting = await set_aside(plane)
        assert len(waiting) == 8
        told = [one for one in waiting if b"secret" in one.entry or b"Ada" in one.entry or b"ada@" in one.entry]
        assert {one.problem for one in waiting} == {"ValueError", "ValueError: secret of Ada", *unreadable(waiting)}
        assert sorted(one.entry for one in unreadable(waiting).values()) == [b"", b"\xff \x02c3 unreadable"]
        # Somebody else's redemption and nobody's voucher are as they were.
        assert {one.problem for one in told} == {"ValueError: secret of Ada"}
        assert len(told) == 2
        bucket = keys.holders(plane.project, 1, 0, PARTITIONS)
        assert b"secret" not in await plane.client.hget(bucket, "35")  # type: ignore[misc]
    # Whether they are taken in before or after the person is erased, nothing of the person is left.
    await SetAsideEntries(plane.database)(plane.project)
    await rounds(plane)()
    assert len(await set_aside(plane)) == 2
    archived = b"".join(bytes(one) for one in await column(plane, archive.REDEMPTIONS, "entry"))  # type: ignore[call-overload]
    assert archived.count(b"secret") == 1
    assert b"ada@" not in archived
    assert await column(plane, archive.CUSTOMERS, "email") == ["", ""]
    assert await overrides(plane, 35, 37) == [VoucherOverride(revision=1, disabled=True), nobodys]
    assert theirs.metadata
    assert await column(plane, archive.ERASURES, "done_ms") == [plane.clock.now_ms]


async def test_entries_that_are_not_known_here_are_erased_only_of_whom_they_name(plane: ControlPlane) -> None:
    def unknown(source_id: str) -> bytes:
        # Of a kind that a later release has.
        entry = event_pb2.LedgerEntry(request_id="c1")
        entry.customer.source_id = source_id
        return entry.SerializeToString() + b"\xfa\x3e\x02c1"

    theirs = [unknown("c1"), unknown(""), b"\xff \x02c1"]
    others = [unknown("c2"), b"\xff c1", b"\xff \x03c12"]
    async with plane.database.write() as unit:
        for number, entry in enumerate([*theirs, *others]):
            kept = SetAsideEntry(0, StreamId(AT, number), entry, (), "UnreadableEntryError")
            await unit.set_aside.add(plane.project, kept, 1)
    await project(plane, change(AT + 5, erased=True))
    await rounds(plane)()
    assert [one.entry for one in await set_aside(plane)] == [b"", b"", b"", *others]


async def test_what_a_later_release_takes_in_of_an_erased_person_is_erased_then(plane: ControlPlane) -> None:
    def older(entry: bytes) -> event_pb2.LedgerEntry:
        # As of a release that knows none of these kinds.
        message = read_entry(entry)
        message.ClearField(message.WhichOneof("fact") or "publication")
        return message

    campaign = await plane.campaign()
    # Of two persons, the erased one of whom is named where only the later release looks.
    handed_out = ledger.publication(campaign.id, "c1", "s1")
    handed_out.customer.source_id = "c2"
    handed_out.publication.publish_time.FromMilliseconds(AT)
    handed_out.publication.metadata["secret"] = "five"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(BatchBuilder, "_add_publication", refuse)
        patched.setattr(BatchBuilder, "_add_voucher_change", refuse)
        patched.setattr("promo_server.workers.set_aside_erasure.read_entry", older)
        await append(plane, handed_out, partition=1, results="35,36")
        before = [await edit(plane, campaign.id, position) for position in (35, 37)]
        await project(plane, change(AT + 5, erased=True))
        await rounds(plane)()
        # The other person's entry, and one that says of nobody whose voucher it is.
        assert [b"secret" in one.entry for one in await set_aside(plane)] == [True, True, True]
        assert await column(plane, archive.ERASURES, "done_ms") == [plane.clock.now_ms]
    assert await SetAsideEntries(plane.database)(plane.project) == 0
    await rounds(plane)()
    (entry,) = await column(plane, archive.PUBLICATIONS, "entry")
    assert b"secret" not in bytes(entry)  # type: ignore[call-overload]
    assert await overrides(plane, 35, 37) == [VoucherOverride(revision=1, disabled=True), before[1]]
    assert await column(plane, archive.ERASURES, "done_ms") == [plane.clock.now_ms]


async def test_an_edit_that_is_taken_in_after_its_holder_was_erased_is_erased_then(plane: ControlPlane) -> None:
    used, _ = await personal_entries(plane)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(BatchBuilder, "_add_voucher_change", refuse)
        patched.setattr("promo_server.workers.set_aside_erasure._read", lambda _: None)
        before = [await edit(plane, used.redemption.results[0].campaign_id, position) for position in (36, 37)]
        await project(plane, change(AT + 5, erased=True))
        await rounds(plane)()
        assert await column(plane, archive.ERASURES, "done_ms") == [plane.clock.now_ms]
    assert await SetAsideEntries(plane.database)(plane.project) == 0
    await rounds(plane)()
    assert await overrides(plane, 36, 37) == [VoucherOverride(revision=1, disabled=True), before[1]]
    assert await column(plane, archive.ERASURES, "done_ms") == [plane.clock.now_ms]


async def test_a_voucher_is_erased_of_which_only_an_entry_that_was_set_aside_tells_whose_it_is(
    plane: ControlPlane,
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(BatchBuilder, "_add_publication", refuse)
        used, _ = await personal_entries(plane)
        campaign_id = used.redemption.results[0].campaign_id
        before = [await edit(plane, campaign_id, position) for position in (36, 37)]
        await project(plane, change(AT + 5, erased=True))
    await rounds(plane)()
    assert await overrides(plane, 36, 37) == [VoucherOverride(revision=1, disabled=True), before[1]]
    assert await column(plane, archive.ERASURES, "done_ms") == [plane.clock.now_ms]


async def test_a_voucher_is_erased_whose_last_edit_was_set_aside(plane: ControlPlane) -> None:
    used, _ = await personal_entries(plane)
    campaign_id = used.redemption.results[0].campaign_id
    await edit(plane, campaign_id, 36)
    await plane.projection().run_round(plane.project)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(BatchBuilder, "_add_voucher_change", refuse)
        await edit(plane, campaign_id, 36, revision=2)
        await project(plane, change(AT + 5, erased=True))
        for _ in range(2):
            await rounds(plane)()
            await SetAsideEntries(plane.database)(plane.project)
    assert await column(plane, archive.ERASURES, "done_ms") == [plane.clock.now_ms]
    assert not any(b"secret" in bytes(one or b"") for one in await column(plane, archive.VOUCHER_STATES, "record"))  # type: ignore[call-overload]
    assert [b"secret" in one.entry for one in await set_aside(plane)] == [False]
    # Once the archive takes the edit, it has the terms that the store has.
    await SetAsideEntries(plane.database)(plane.project)
    assert await overrides(plane, 36) == [VoucherOverride(revision=2, disabled=True)]


@pytest.mark.parametrize("archived", [False, True])
async def test_erasing_somebody_gives_them_no_code_that_nobody_or_somebody_else_has_in_the_store(
    plane: ControlPlane, *, archived: bool
) -> None:
    used, handed_out = await personal_entries(plane)
    campaign_id = used.redemption.results[0].campaign_id
    await edit(plane, campaign_id, 35)
    handed_out.publication.source_id = "s2"
    await append(plane, handed_out, partition=1, results="40")
    with pytest.MonkeyPatch.context() as patched:
        if not archived:
            patched.setattr(BatchBuilder, "_add_publication", refuse)
        await project(plane, change(AT + 5, erased=True))
    # As in a store that has lost all of it: one code was handed out again.
    bucket = keys.holders(plane.project, 1, 0, PARTITIONS)
    another = ledger.publication(campaign_id, "c2").publication.SerializeToString()
    await plane.client.delete(bucket, keys.voucher_override(plane.project, 1, 35, PARTITIONS))
    await plane.client.hset(bucket, "40", holder_value((40,), another))  # type: ignore[misc]
    await rounds(plane)()
    assert await plane.client.hgetall(bucket) == {b"40": holder_value((40,), another)}  # type: ignore[misc]
    assert await column(plane, archive.VOUCHER_STATES, "record") == [
        None if position != 35 else VoucherOverride(revision=1, disabled=True).SerializeToString()
        for position in await column(plane, archive.VOUCHER_STATES, "position")
    ]
    assert await column(plane, archive.ERASURES, "done_ms") == [plane.clock.now_ms]


def unreadable(waiting: list[SetAsideEntry]) -> dict[str, SetAsideEntry]:
    return {one.problem: one for one in waiting if one.problem.startswith("UnreadableEntryError")}


async def test_what_comes_after_an_erasure_is_not_touched(plane: ControlPlane) -> None:
    await project(plane, change(AT - 5, erased=True))
    await personal_entries(plane)
    await plane.projection().run_round(plane.project)
    await rounds(plane)()
    used, _ = await entries(plane)
    assert used.customer.email == "ada@example.com"
    found = await customer(plane)
    assert found is not None
    assert found.email == "ada@example.com"


async def test_many_entries_are_rewritten_by_rounds_that_are_killed(plane: ControlPlane) -> None:
    for slot in range(1, 451):
        entry = ledger.redemption("c1", f"CODE{slot}", "n:1", at_seconds=AT // 1000)
        entry.redemption.metadata["secret"] = "one"
        await append(plane, entry, partition=slot % PARTITIONS, results=f"{slot}:{slot}:{slot},0:{slot}:500")
    await project(plane, change(AT + 5, erased=True))
    for life in itertools.count(1):
        task = asyncio.create_task(rounds(plane)())
        await asyncio.wait([task], timeout=life * 0.005)
        task.cancel()
        await asyncio.wait([task])
        if await column(plane, archive.ERASURES, "done_ms") == [plane.clock.now_ms]:
            break
    assert b"secret" not in b"".join(await column(plane, archive.REDEMPTIONS, "entry"))  # type: ignore[arg-type]


async def test_projects_whose_entries_are_not_archived_hold_up_no_other_one(plane: ControlPlane) -> None:
    stuck = [(await plane.use_cases.bootstrap(f"stuck {number}", [])).project.id for number in range(12)]
    projection = plane.projection()
    for project_id in stuck:
        # Older than the others', and more than are looked at in one go.
        for person in range(10):
            erased = change(AT - 9, erased=True)
            erased.customer_change.customer.source_id = f"c{person}"
            await ledger.append(plane.client, project_id, 0, erased, "")
        await projection.run_round(project_id)
        await ledger.append(plane.client, project_id, 1, change(AT - 10, name="Ada"), "")
    await personal_entries(plane)
    await project(plane, change(AT + 5, erased=True))
    looked = list[str]()
    working = rounds(plane, wait_seconds=0.1)
    real = working._freshness.stale_since

    async def counted(project_id: str) -> int | None:
        looked.append(project_id)
        return await real(project_id)

    working._freshness.stale_since = counted  # type: ignore[method-assign]
    await working()
    assert "secret" not in str(await entries(plane))
    assert sorted(looked) == sorted([*stuck, plane.project])
