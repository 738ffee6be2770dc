from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Table, func, select
from support import ledger
from support.control_plane import PARTITIONS, ControlPlane, control_plane
from support.databases import locked

from promo_server.domain.code_import import NewRows
from promo_server.domain.errors import DomainError
from promo_server.domain.operation import Operation, OperationState
from promo_server.domain.paging import Page
from promo_server.domain.reasons import Reason
from promo_server.domain.requests import KEPT_FOR_MS, Repeat
from promo_server.embedded import EmbeddedStore
from promo_server.services.change_campaign import CampaignTarget
from promo_server.sql.tables import archive, definitions
from promo_server.store import keys
from promo_server.store.ledger import RedisLedger
from promo_server.store.publications import RedisPublications
from promo_server.workers.archiver import Archiver
from promo_server.workers.rounds import CleanRounds, ProjectionRounds
from promo_server.workers.team import Workers

pytestmark = pytest.mark.asyncio


async def count(plane: ControlPlane, table: Table) -> int:
    async with plane.database.connection() as connection:
        return int(await connection.scalar(select(func.count()).select_from(table)) or 0)


async def archived_of(plane: ControlPlane) -> list[str]:
    """Return the project of each redemption that is archived."""
    async with plane.database.connection() as connection:
        return list(await connection.scalars(select(archive.REDEMPTIONS.c.project_id)))


async def until(plane: ControlPlane, table: Table, expected: int) -> None:
    while await count(plane, table) != expected:
        await asyncio.sleep(0.02)


async def test_workers_project_and_publish_until_they_are_stopped(plane: ControlPlane) -> None:
    swept = asyncio.Event()

    async def sweep() -> None:
        swept.set()

    store = plane.use_cases.publisher._store
    real, failures = store.put_campaign, [1, 1]

    async def flaky(project: str, number: int, version: int, document: bytes) -> None:
        if failures:
            failures.pop()
            raise DomainError(Reason.STORE_UNAVAILABLE)
        await real(project, number, version, document)

    store.put_campaign = flaky  # type: ignore[method-assign]
    with pytest.raises(DomainError):
        await plane.campaign(name="late")
    registry = CollectorRegistry()
    streams, published = RedisLedger(plane.client, PARTITIONS), RedisPublications(plane.client, PARTITIONS)
    workers = Workers(plane.database, streams, published, plane.use_cases, plane.clock, registry, sweep)
    archiver = Archiver(plane.database, streams, plane.clock, registry)
    workers.start()
    archiver.start()
    entry = ledger.redemption("c1", "CODE", "n:1")
    await ledger.append(plane.client, plane.project, 0, entry, "1:1:1,0:1:500")
    async with asyncio.timeout(20):
        await swept.wait()
        await until(plane, archive.REDEMPTIONS, 1)
        await until(plane, definitions.PENDING_BUNDLES, 0)
    await asyncio.gather(workers.stop(), archiver.stop())
    assert await plane.client.exists(keys.bundle(plane.project, 1, PARTITIONS))
    assert registry.get_sample_value("promo_projection_entries_total") == 1


async def test_expired_answers_are_forgotten(plane: ControlPlane) -> None:
    campaign = await plane.campaign()
    switch = plane.use_cases.change_campaign.switch
    for number in range(3):
        repeat = Repeat("t", f"r{number}", b"b")
        await switch(plane.caller, CampaignTarget(campaign.id), repeat, enabled=bool(number % 2))
    clean = CleanRounds(plane.database, plane.clock)
    await clean()
    assert await count(plane, definitions.KEPT_ANSWERS) == 3
    plane.clock.now_ms += KEPT_FOR_MS
    await clean()
    assert await count(plane, definitions.KEPT_ANSWERS) == 0


async def test_work_that_is_done_is_forgotten_a_month_after_its_end_and_nothing_else(plane: ControlPlane) -> None:
    imports, clean, month_ms = (
        plane.use_cases.import_codes,
        CleanRounds(plane.database, plane.clock),
        30 * 24 * 3_600_000,
    )
    ids = []
    for _ in range(3):
        campaign = await plane.campaign(code_count=0)
        current = await imports.start(plane.caller, campaign.id, "f", Repeat("t"))
        await imports.append(plane.caller, NewRows(current.id, 0, ["", ""]), Repeat("t"))
        ids.append(current.id)
    running = Operation("op_running", plane.project, campaign.id, OperationState.RUNNING, 1, 0, plane.clock.now_ms)
    async with plane.database.write() as unit:
        await unit.operations.insert(running)
        await unit.operations.insert(replace(running, id="op_cancelled"))
    # What takes long is kept as long as anything.
    plane.clock.now_ms += 2 * month_ms
    await plane.use_cases.operations.cancel(plane.caller, "op_cancelled")
    finished = await imports.finish(plane.caller, ids[0], Repeat("t"))
    aborted = await imports.abort(plane.caller, ids[1], Repeat("t"))
    assert (finished.end_ms, aborted.end_ms) == (plane.clock.now_ms, plane.clock.now_ms)
    for passed_ms, operations, rows in (
        (month_ms, {"op_running", "op_cancelled"}, [2, 2, 2]),
        (1, {"op_running"}, [0, 0, 2]),
    ):
        plane.clock.now_ms += passed_ms
        await clean()
        async with plane.database.read() as unit:
            page = await unit.operations.page(plane.project, Page(10, None))
        assert {one.id for one in page.rows} == operations
        assert [len((await imports.refused(plane.caller, one, Page(10, None))).rows) for one in ids] == rows
    assert (await imports.get(plane.caller, ids[0])).refused_count == 2


async def test_the_archiver_goes_on_after_the_store_and_the_database_were_away(
    database_url: str, own_store: EmbeddedStore
) -> None:
    async with control_plane(database_url, own_store.url) as plane:
        archiver = Archiver(plane.database, RedisLedger(plane.client, PARTITIONS), plane.clock, CollectorRegistry())
        archiver.start()
        async with asyncio.timeout(50):
            await ledger.append(plane.client, plane.project, 0, ledger.redemption("c1", "A", "n:1"), "1:1:1,0:1:500")
            await until(plane, archive.REDEMPTIONS, 1)
            await own_store.stop()
            await asyncio.sleep(0.3)
            await own_store.start()
            await ledger.append(plane.client, plane.project, 0, ledger.redemption("c1", "B", "n:1"), "2:2:2,0:2:1000")
            await until(plane, archive.REDEMPTIONS, 2)
            async with locked(database_url):
                await ledger.append(
                    plane.client, plane.project, 1, ledger.redemption("c1", "C", "n:1"), "3:3:3,0:3:1500"
                )
                await asyncio.sleep(0.3)
            await until(plane, archive.REDEMPTIONS, 3)
        await archiver.stop()
        assert await count(plane, archive.SLOT_CONFLICTS) == 0
        assert await count(plane, archive.MOVEMENTS) == 6


async def test_a_project_made_while_another_one_is_busy_is_archived_too(plane: ControlPlane) -> None:
    projection = plane.projection()
    real, made = projection.run_round, list[str]()

    async def busy(project: str) -> int:
        if not made:
            made.append((await plane.use_cases.bootstrap("new", [])).project.id)
            await redeem(made[0])
        found = await real(project)
        if made[0] not in await archived_of(plane):
            await redeem(plane.project)
        return found

    async def redeem(project: str) -> None:
        slot = next(slots)
        results = f"{slot}:{slot}:{slot},0:{slot}:{slot * 500}"
        await ledger.append(plane.client, project, 0, ledger.redemption("c1", "A", "n:1"), results)

    slots = itertools.count(1)
    await redeem(plane.project)
    projection.run_round = busy  # type: ignore[method-assign]
    async with asyncio.timeout(20):
        await ProjectionRounds(plane.database, projection)()
    assert (await archived_of(plane)).count(made[0]) == 1


async def test_a_project_that_cannot_be_archived_holds_up_no_other_one(plane: ControlPlane) -> None:
    others = [(await plane.use_cases.bootstrap(name, [])).project.id for name in ("a", "b")]
    await plane.client.xadd(keys.outbox(plane.project, 0), {"unknown": ""})
    for project in others:
        await ledger.append(plane.client, project, 0, ledger.redemption("c1", "A", "n:1"), "1:1:1,0:1:500")
    rounds = ProjectionRounds(plane.database, plane.projection())
    with pytest.raises(KeyError):
        await rounds()
    assert await count(plane, archive.REDEMPTIONS) == 2
