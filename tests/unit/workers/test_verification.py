from __future__ import annotations

from dataclasses import replace

import pytest
from support import ledger
from support.control_plane import DEFINITION, PARTITIONS, ControlPlane

from promo.v1 import event_pb2
from promo.v1.voucher_pb2 import VoucherOverride
from promo_server.domain.definition import Limits
from promo_server.store import ids, keys
from promo_server.store.counters import RedisCounters
from promo_server.store.ledger import RedisLedger
from promo_server.workers.rebuild import StoreNotEmptyError
from promo_server.workers.verification import LedgerVerification, Report

pytestmark = pytest.mark.asyncio

LIMIT = "n:1"


async def redeem(plane: ControlPlane, slot: int, total: int, amount: int = 500) -> str:
    """Append a redemption and count it, as the commit function does."""
    entry = ledger.redemption("c1", "CODE", LIMIT, discount=amount)
    results = f"{slot}:{slot}:{slot},0:{slot}:{total}"
    place = await ledger.append(plane.client, plane.project, 1, entry, results)
    await count(plane, slot, total, slot)
    at = place.split("-")
    return f"r_01{int(at[0]):011x}{int(at[1]):03x}"


async def count(plane: ControlPlane, used: int, total: int, sequence: int, free: int = 0) -> None:
    uses, _ = keys.limit(plane.project, LIMIT, PARTITIONS, single_use=False)
    money, _ = keys.limit(plane.project, "m:1", PARTITIONS, single_use=False)
    await plane.client.set(uses, f"{used}:{sequence}:{free}")
    await plane.client.set(money, f"{total}:{sequence}")


async def verify(plane: ControlPlane) -> Report:
    projection = plane.projection()
    while await projection.run_round(plane.project):
        pass
    streams, counters = RedisLedger(plane.client, PARTITIONS), RedisCounters(plane.client, PARTITIONS)
    return await LedgerVerification(plane.database, streams, counters)(plane.project)


async def test_store_ledger_and_archive_agree_after_redemptions(plane: ControlPlane) -> None:
    for slot in range(1, 6):
        await redeem(plane, slot, slot * 500)
    report = await verify(plane)
    assert report.agrees
    assert (report.limits, report.entries) == (2, 5)


async def test_a_counter_that_lost_a_use_is_reported(plane: ControlPlane) -> None:
    await redeem(plane, 1, 500)
    await redeem(plane, 2, 1_000)
    await count(plane, 1, 1_000, 2)
    report = await verify(plane)
    assert [difference.subject for difference in report.differences] == [LIMIT]
    assert not report.agrees


async def test_an_entry_that_the_archive_tells_differently_is_reported(plane: ControlPlane) -> None:
    await redeem(plane, 1, 500)
    assert (await verify(plane)).agrees
    async with plane.database.connection() as connection:
        await connection.exec_driver_sql("UPDATE movements SET amount = 2 WHERE limit_kind = 4")
    report = await verify(plane)
    assert [difference.problem for difference in report.differences] == [
        "the archive has other movements of this entry than the ledger",
    ]


async def test_an_empty_store_gets_its_counters_holders_and_rollbacks_again(plane: ControlPlane) -> None:
    campaign = await plane.campaign()
    ids = [await redeem(plane, slot, slot * 500) for slot in range(1, 4)]
    await ledger.append(plane.client, plane.project, 1, ledger.rollback(ids[1], LIMIT), "0:4:2,0:4:1000")
    await count(plane, 2, 1_000, 4, free=1)
    await plane.client.zadd(keys.free_slots(plane.project, LIMIT, PARTITIONS), {"2": 2})
    single = ledger.redemption("c2", "CODE", "k:1:5")
    single.movements[0].kind = event_pb2.LIMIT_KIND_PER_CODE
    del single.movements[1]
    await ledger.append(plane.client, plane.project, 1, single, "1:0:1")
    page, offset = keys.limit(plane.project, "k:1:5", PARTITIONS, single_use=True)
    await plane.client.setbit(page, offset or 0, 1)
    published = ledger.publication(campaign.id, "c1", "s1")
    await ledger.append(plane.client, plane.project, 1, published, "7,8")
    assert (await verify(plane)).agrees
    counted = {name: await plane.client.dump(name) for name in await plane.client.keys("*}[nmkp]:*")}
    rebuild = plane.rebuild()
    with pytest.raises(StoreNotEmptyError):
        await rebuild()
    await plane.client.flushall()
    done = await rebuild()
    assert (done.limits, done.publications, done.rolled_back) == (3, 1, 1)
    assert {name: await plane.client.dump(name) for name in counted} == counted
    assert await plane.client.zrange(keys.free_slots(plane.project, LIMIT, PARTITIONS), 0, -1) == [b"2"]
    holders = keys.holders(plane.project, campaign.number, 0, PARTITIONS)
    fields = await plane.client.hgetall(holders)
    assert fields[b"8"] == b">7"
    assert fields[b"7"].startswith(b"7,8|")
    assert await plane.client.get(keys.cursor(plane.project, campaign.number, PARTITIONS)) == b"9:2"
    assert await plane.client.get(keys.source(plane.project, campaign.number, "s1", PARTITIONS)) == b"7"
    customer = keys.customer_publication(plane.project, campaign.number, "c1", PARTITIONS)
    assert await plane.client.get(customer) == b"7"
    assert await plane.client.exists(keys.bundle(plane.project, campaign.number, PARTITIONS))
    assert (await verify(plane)).agrees


async def test_an_empty_store_gets_further_uses_and_edited_vouchers_again(plane: ControlPlane) -> None:
    definition = replace(DEFINITION, limits=Limits(per_code=1))
    campaign = await plane.campaign(definition=definition)
    limit = f"k:{campaign.number}:5"
    # The bit was the first use and is free again; of the further ones slot 3 was given back.
    for slot, sequence in ((1, 0), (2, 1), (3, 2), (4, 3)):
        used = ledger.redemption("c1", "CODE", limit, campaign_id=campaign.id)
        used.redemption.results[0].voucher_id = ids.voucher_id(campaign.number, 5)
        used.movements[0].kind = event_pb2.LIMIT_KIND_PER_CODE
        del used.movements[1]
        place = await ledger.append(plane.client, plane.project, 1, used, f"{slot}:{sequence}:{slot}")
        if slot in {1, 3}:
            at = place.split("-")
            undone = ledger.rollback(f"r_01{int(at[0]):011x}{int(at[1]):03x}", limit)
            undone.movements[0].kind = event_pb2.LIMIT_KIND_PER_CODE
            del undone.movements[1]
            results = "0:0:0" if slot == 1 else f"0:{sequence + 5}:2"
            await ledger.append(plane.client, plane.project, 1, undone, results)
    further, _ = keys.limit(plane.project, limit, PARTITIONS, single_use=False)
    await plane.client.set(further, "3:7:1")
    await plane.client.zadd(keys.free_slots(plane.project, limit, PARTITIONS), {"3": 3})
    for position, record in ((5, VoucherOverride(revision=2)), (6, VoucherOverride(revision=1, deleted=True))):
        change = event_pb2.LedgerEntry()
        change.voucher.campaign_id, change.voucher.position = campaign.id, position
        change.voucher.override.CopyFrom(record)
        await ledger.append(plane.client, plane.project, 1, change, "")
        name = keys.voucher_override(plane.project, campaign.number, position, PARTITIONS)
        await plane.client.set(name, record.SerializeToString())
    await plane.client.hset(keys.holders(plane.project, campaign.number, 0, PARTITIONS), "6", "-")
    report = await verify(plane)
    assert report.agrees, report.differences
    async with plane.database.read() as unit:
        states = await unit.vouchers.between(plane.project, campaign.id, 0, 10)
    assert [(one.position, one.redeemed_count, one.deleted) for one in states] == [(5, 2, False), (6, 0, True)]
    kept = {name: await plane.client.dump(name) for name in await plane.client.keys("*}[ehkf]:*")}
    assert len(kept) == 5
    await plane.client.flushall()
    done = await plane.rebuild()()
    assert done.vouchers == 2
    assert {name: await plane.client.dump(name) for name in kept} == kept
    assert (await verify(plane)).agrees
