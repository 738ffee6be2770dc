"""How definitions reach the store: never before what they name, never an older state after a newer one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs
from support.control_plane import PARTITIONS, ControlPlane

from promo_server.domain.access import Role
from promo_server.domain.errors import DomainError
from promo_server.domain.layout import CodeLayout
from promo_server.domain.reasons import Reason
from promo_server.domain.requests import Repeat
from promo_server.services import pending
from promo_server.services.access import NewKey
from promo_server.services.change_campaign import CampaignTarget
from promo_server.sql.tables.definitions import CAMPAIGNS, PROJECTS
from promo_server.sql.unit import Unit
from promo_server.store import keys
from promo_server.store.definitions import RedisDefinitionStore

pytestmark = pytest.mark.asyncio

STORED = CodeLayout(length=4, prefix="X")


async def document(plane: ControlPlane, name: str) -> dict[str, object]:
    return dict(json.loads(await plane.client.get(name)))


async def test_nothing_is_published_that_counts_codes_before_they_are_in_the_store(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = await plane.campaign(layout=STORED, code_count=10)
    name = keys.bundle(plane.project, campaign.number, PARTITIONS)
    version = (await document(plane, keys.project_bundle(plane.project)))["version"]

    async def fails(*_arguments: object) -> None:
        raise DomainError(Reason.STORE_UNAVAILABLE)

    with monkeypatch.context() as patched:
        patched.setattr(plane.use_cases.publisher._store, "put_stored_codes", fails)
        operation = await plane.use_cases.code_batches.create(plane.caller, campaign.id, 20, Repeat("t"))
        await plane.use_cases.operations.wait(plane.caller, operation.id, 30)
        # Whoever publishes anything of the project, keys go out and nothing else does.
        with pytest.raises(DomainError):
            await plane.use_cases.access.create_key(plane.caller, NewKey("", "shop", (Role.CHECKOUT,)), Repeat("t"))
        assert await plane.client.hlen(keys.auth()) == 2  # type: ignore[misc]
        assert (await document(plane, name))["ranges"] == [[0, 10]]
        assert (await document(plane, keys.project_bundle(plane.project)))["version"] == version
    await plane.use_cases.publisher.publish()
    assert (await document(plane, name))["ranges"] == [[0, 30]]
    bucket = keys.stored_codes(plane.project, campaign.number, 0, PARTITIONS)
    assert await plane.client.hlen(bucket) == 30  # type: ignore[misc]


async def test_a_store_that_hangs_keeps_nobody_from_writing(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, goes_on = asyncio.Event(), asyncio.Event()

    async def hang(*_arguments: object) -> bool:
        hangs.set()
        await goes_on.wait()
        return True

    monkeypatch.setattr(plane.use_cases.publisher._store, "put_campaign", hang)
    creating = asyncio.create_task(plane.campaign())
    await hangs.wait()
    async with asyncio.timeout(10), plane.database.write() as unit:
        project = await unit.projects.lock(plane.project)
        await unit.projects.update(replace(project, version=project.version + 1))
    goes_on.set()
    await creating


@pytest.mark.parametrize("blank", [False, True])
async def test_a_store_that_hangs_keeps_no_transaction_open(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, *, blank: bool
) -> None:
    await plane.campaign()
    store, open_units = plane.use_cases.publisher._store, list[object]()
    real = plane.database.read

    @asynccontextmanager
    async def read() -> AsyncIterator[Unit]:
        async with real() as unit:
            open_units.append(unit)
            try:
                yield unit
            finally:
                open_units.remove(unit)

    looked = list[int]()

    async def hang(_projects: Sequence[str]) -> bool:
        looked.append(len(open_units))
        if blank and len(looked) == 1:
            return True
        raise DomainError(Reason.STORE_UNAVAILABLE)

    monkeypatch.setattr(plane.database, "read", read)
    monkeypatch.setattr(store, "is_blank", hang)
    with pytest.raises(DomainError):
        await plane.campaign()
    assert looked == [0, 0][: 1 + blank]


async def test_a_change_that_comes_while_another_is_published_is_not_forgotten(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = await plane.campaign()
    store = plane.use_cases.publisher._store
    real, switch = store.put_campaign, plane.use_cases.change_campaign.switch

    async def meanwhile(project: str, number: int, version: int, text: bytes) -> bool:
        monkeypatch.setattr(store, "put_campaign", real)
        await switch(plane.caller, CampaignTarget(campaign.id), Repeat("t"), enabled=True)
        return await real(project, number, version, text)

    monkeypatch.setattr(store, "put_campaign", meanwhile)
    with capture_logs() as logs:
        await switch(plane.caller, CampaignTarget(campaign.id), Repeat("t"), enabled=False)
    found = await document(plane, keys.bundle(plane.project, campaign.number, PARTITIONS))
    assert (found["enabled"], found["version"]) == (True, campaign.version + 2)
    assert not [one for one in logs if one["event"] == "definitions.store_is_newer"]
    async with plane.database.read() as unit:
        assert await unit.pending.count() == 0


async def test_many_publishers_at_once_leave_the_newest_state(plane: ControlPlane) -> None:
    campaigns = [await plane.campaign() for _ in range(4)]
    switch = plane.use_cases.change_campaign.switch
    await asyncio.gather(
        *(
            switch(plane.caller, CampaignTarget(campaign.id), Repeat("t"), enabled=bool(turn % 2))
            for turn in range(8)
            for campaign in campaigns
        ),
        *(plane.use_cases.publisher.publish() for _ in range(8)),
    )
    for campaign in campaigns:
        current = await plane.use_cases.read_campaigns.get(plane.caller, campaign.id)
        found = await document(plane, keys.bundle(plane.project, campaign.number, PARTITIONS))
        assert (found["version"], found["enabled"]) == (current.version, current.enabled)


async def test_an_older_project_never_replaces_a_newer_one_in_any_partition(plane: ControlPlane) -> None:
    store = RedisDefinitionStore(plane.client, PARTITIONS)
    versions = list(range(100, 130))
    put = await asyncio.gather(*(store.put_project(plane.project, one, str(one).encode()) for one in versions))
    assert put[-1]
    assert not await store.put_project(plane.project, 128, b"older")
    assert await plane.client.get(keys.project_bundle(plane.project)) == b"129"
    found = {int(await plane.client.get(keys.project_version(plane.project, one))) for one in range(PARTITIONS)}
    assert found == {129}


async def test_a_key_that_is_revoked_while_it_is_put_stays_revoked(plane: ControlPlane) -> None:
    store = RedisDefinitionStore(plane.client, PARTITIONS)
    states: list[bytes | None] = [b"works", None]

    async def read() -> Mapping[str, bytes | None]:
        state = states.pop(0)
        if state is not None:
            # Another publisher puts what came after this reading.
            await plane.client.hdel(keys.auth(), "k", "admin")  # type: ignore[misc]
        return {"k": state}

    await store.put_keys(["k"], read)
    assert states == []
    assert not await plane.client.hexists(keys.auth(), "k")  # type: ignore[misc]


@pytest.mark.parametrize("table", [PROJECTS, CAMPAIGNS])
async def test_a_database_from_before_what_the_store_has_is_reported(plane: ControlPlane, table: object) -> None:
    campaign = await plane.campaign()
    for enabled in (False, True):
        await plane.use_cases.change_campaign.switch(
            plane.caller, CampaignTarget(campaign.id), Repeat("t"), enabled=enabled
        )
    async with plane.database.connection() as connection:
        await connection.execute(update(table).values(version=1))  # type: ignore[arg-type]
    async with plane.database.write() as unit:
        await unit.pending.add([pending.project(plane.project), pending.campaign(plane.project, campaign.number)])
    with capture_logs() as logs:
        await plane.use_cases.publisher.publish()
    (told,) = [one for one in logs if one["event"] == "definitions.store_is_newer"]
    assert told["project"] == plane.project
    assert told["kind"] == ("project" if table is PROJECTS else "campaign")


async def test_a_store_that_is_from_before_what_it_was_told_is_told_everything_again(plane: ControlPlane) -> None:
    changed, created = await plane.campaign(), await plane.campaign()
    publisher = plane.use_cases.publisher
    old, epoch = await plane.client.hgetall(keys.auth()), int(await plane.client.get(keys.epoch()))  # type: ignore[misc]
    issued = await plane.use_cases.access.create_key(plane.caller, NewKey("", "shop", (Role.CHECKOUT,)), Repeat("t"))
    key = issued.key
    names = [keys.bundle(plane.project, one.number, PARTITIONS) for one in (changed, created)]
    whole = await plane.client.mget(names)
    await publisher.look_for_loss()
    async with plane.database.read() as unit:
        assert await unit.pending.count() == 0, "nothing was lost"

    async def go_back(by: int) -> None:
        """Be as a replica that heard of neither campaign and not of the key."""
        await plane.client.delete(keys.auth(), *names)
        await plane.client.hset(keys.auth(), mapping=old)  # type: ignore[misc]
        await plane.client.set(keys.epoch(), epoch - by)

    await go_back(1)
    await publisher.look_for_loss()
    assert await publisher.publish() > 0
    assert await plane.client.mget(names) == whole
    assert await plane.client.hexists(keys.auth(), key.id)  # type: ignore[misc]
    # One that has counted as far again meanwhile is found out by who counts.
    await publisher.look_for_loss()
    async with plane.database.read() as unit:
        epoch = await unit.pending.epoch()
    await go_back(1)
    await plane.campaign()
    await publisher.look_for_loss()
    assert await publisher.publish() > 0
    assert await plane.client.mget(names) == whole
    # What has nothing at all may get its data again: it is told nothing.
    await plane.client.flushall()
    await publisher.look_for_loss()
    async with plane.database.read() as unit:
        assert await unit.pending.count() == 0
