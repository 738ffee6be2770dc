from __future__ import annotations

import pytest
from support import ledger
from support.control_plane import PARTITIONS, ControlPlane

from promo.v1 import event_pb2
from promo_server.store import keys
from promo_server.store.counters import RedisCounters
from promo_server.store.ledger import RedisLedger
from promo_server.store.restore import RedisRestore
from promo_server.workers.rebuild import RebuildTimes, StoreNotEmptyError, StoreRebuild
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
    rebuild = StoreRebuild(
        plane.database,
        plane.use_cases.publisher,
        RedisCounters(plane.client, PARTITIONS),
        RedisRestore(plane.client, PARTITIONS),
        plane.clock,
        RebuildTimes(1_000_000, 1_000_000),
    )
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
    assert await plane.client.get(keys.cursor(plane.project, campaign.number, PARTITIONS)) == b"9"
    assert await plane.client.get(keys.source(plane.project, campaign.number, "s1", PARTITIONS)) == b"7"
    customer = keys.customer_publications(plane.project, campaign.number, "c1", PARTITIONS)
    assert await plane.client.get(customer) == b"7"
    assert await plane.client.exists(keys.bundle(plane.project, campaign.number, PARTITIONS))
    assert (await verify(plane)).agrees
