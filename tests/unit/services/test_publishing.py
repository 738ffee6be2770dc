"""How definitions reach the store: never before what they name, never an older state after a newer one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs
from support.control_plane import PARTITIONS, ControlPlane

from promo_server.domain.access import Role
from promo_server.domain.code_import import NewRows
from promo_server.domain.errors import DomainError
from promo_server.domain.layout import CodeLayout
from promo_server.domain.reasons import Reason
from promo_server.domain.requests import Repeat
from promo_server.services import pending
from promo_server.services.access import NewKey
from promo_server.services.change_campaign import CampaignTarget
from promo_server.services.moments import StoreMoment
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


class Replica:
    """A store that is led back to a moment, as by a replica that had not heard of more and took over."""

    def __init__(self, plane: ControlPlane) -> None:
        self._client = plane.client
        self._then: dict[bytes, bytes] = {}

    async def hears(self) -> None:
        self._then = {name: await self._client.dump(name) for name in await self._client.keys()}

    async def takes_over(self) -> None:
        await self._client.flushall()
        for name, value in self._then.items():
            await self._client.restore(name, 0, value)


async def waiting(plane: ControlPlane) -> int:
    async with plane.database.read() as unit:
        return await unit.pending.count()


async def whole(plane: ControlPlane) -> dict[bytes, bytes]:
    """Return what the store has, but for the epoch."""
    names = set(await plane.client.keys()) - {keys.epoch().encode()}
    return {name: await plane.client.dump(name) for name in names}


async def tell_again(plane: ControlPlane) -> None:
    """Be the worker of a server for some rounds."""
    for _ in range(3):
        await plane.use_cases.store_history.look()
        await plane.use_cases.publisher.publish()


async def test_a_store_from_before_what_it_was_told_is_told_everything_again(plane: ControlPlane) -> None:
    replica = Replica(plane)
    changed = await plane.campaign()
    issued = await plane.use_cases.access.create_key(plane.caller, NewKey("", "shop", (Role.CHECKOUT,)), Repeat("t"))
    await replica.hears()
    await plane.campaign()
    await plane.campaign(code_count=1_000, layout=STORED)
    await plane.use_cases.change_campaign.switch(plane.caller, CampaignTarget(changed.id), Repeat("t"), enabled=False)
    await plane.use_cases.access.revoke_key(plane.caller, issued.key.id, Repeat("t"))
    before, epoch = await whole(plane), int(await plane.client.get(keys.epoch()))
    await plane.use_cases.store_history.look()
    assert await waiting(plane) == 0, "nothing was lost"
    await replica.takes_over()
    assert await whole(plane) != before
    with capture_logs() as logs:
        await tell_again(plane)
    assert await whole(plane) == before
    # No engine takes it for a state that it knows.
    assert int(await plane.client.get(keys.epoch())) > epoch
    assert [one["event"] for one in logs].count("store.went_back") == 1
    await plane.use_cases.store_history.look()
    assert await waiting(plane) == 0


async def test_a_loss_is_found_by_those_who_tell_the_store_more_at_the_same_moment(plane: ControlPlane) -> None:
    for at_once in (1, 2, 5):
        replica = Replica(plane)
        await replica.hears()
        lost = await plane.campaign()
        await replica.takes_over()
        # They count up to, and beyond, the number that the store had.
        await asyncio.gather(*(plane.campaign() for _ in range(at_once)))
        assert not await plane.client.exists(keys.bundle(plane.project, lost.number, PARTITIONS))
        await tell_again(plane)
        assert await plane.client.exists(keys.bundle(plane.project, lost.number, PARTITIONS))


async def test_a_loss_stays_noted_until_everything_waits(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    replica = Replica(plane)
    await replica.hears()
    lost = await plane.campaign()
    await replica.takes_over()

    async def busy(_self: object) -> None:
        raise DomainError(Reason.DATABASE_UNAVAILABLE)

    with monkeypatch.context() as broken:
        broken.setattr("promo_server.sql.rows.imports.SqlImports.forget_store", busy)
        # Who publishes hears nothing of it.
        await plane.campaign()
        for _ in range(2):
            with pytest.raises(DomainError):
                await plane.use_cases.store_history.look()
            await plane.use_cases.publisher.publish()
    await tell_again(plane)
    assert await plane.client.exists(keys.bundle(plane.project, lost.number, PARTITIONS))


async def test_who_announced_and_heard_no_answer_hides_no_loss(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica, announce = Replica(plane), RedisDefinitionStore.announce
    await replica.hears()
    lost = await plane.campaign()
    await replica.takes_over()

    async def unanswered(store: RedisDefinitionStore) -> StoreMoment:
        await announce(store)
        raise DomainError(Reason.STORE_UNAVAILABLE)

    with monkeypatch.context() as broken:
        broken.setattr(RedisDefinitionStore, "announce", unanswered)
        with pytest.raises(DomainError):
            await plane.campaign()
    await tell_again(plane)
    assert await plane.client.exists(keys.bundle(plane.project, lost.number, PARTITIONS))


async def test_what_was_put_into_another_node_than_the_one_it_is_announced_to_is_put_again(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica, put = Replica(plane), RedisDefinitionStore.put_campaign
    await replica.hears()

    async def put_and_lost(store: RedisDefinitionStore, *about: Any) -> bool:
        is_put = await put(store, *about)
        await replica.takes_over()
        monkeypatch.setattr(RedisDefinitionStore, "announce", announce_to_another)
        return is_put

    async def announce_to_another(store: RedisDefinitionStore) -> StoreMoment:
        return replace(await announce(store), node="another")

    announce = RedisDefinitionStore.announce
    with monkeypatch.context() as broken:
        broken.setattr(RedisDefinitionStore, "put_campaign", put_and_lost)
        lost = await plane.campaign()
    monkeypatch.undo()
    assert not await plane.client.exists(keys.bundle(plane.project, lost.number, PARTITIONS))
    await tell_again(plane)
    assert await plane.client.exists(keys.bundle(plane.project, lost.number, PARTITIONS))


async def test_servers_that_see_a_loss_at_the_same_moment_tell_the_store_once(plane: ControlPlane) -> None:
    replica = Replica(plane)
    await replica.hears()
    await plane.campaign()
    await replica.takes_over()
    with capture_logs() as logs:
        await asyncio.gather(*(plane.use_cases.store_history.look() for _ in range(4)))
        await tell_again(plane)
    assert [one["event"] for one in logs].count("store.went_back") == 1


async def test_a_store_that_has_nothing_at_all_is_told_nothing(plane: ControlPlane) -> None:
    await plane.campaign()
    await plane.client.flushall()
    await plane.use_cases.store_history.look()
    assert await waiting(plane) == 0


async def test_codes_of_an_import_that_a_store_has_lost_are_there_when_it_is_finished(plane: ControlPlane) -> None:
    replica, imports = Replica(plane), plane.use_cases.import_codes
    campaign = await plane.campaign(code_count=0)
    current = await imports.start(plane.caller, campaign.id, "f", Repeat("t"))
    codes = [f"SHOP-{number}" for number in range(300)]
    await imports.append(plane.caller, NewRows(current.id, 0, codes[:100]), Repeat("t"))
    await imports.append(plane.caller, NewRows(current.id, 100, codes[100:200]), Repeat("t"))
    await replica.hears()
    await imports.append(plane.caller, NewRows(current.id, 200, codes[200:]), Repeat("t"))
    await imports._settle(current.id)
    await replica.takes_over()
    await imports.finish(plane.caller, current.id, Repeat("t"))
    names = [keys.stored_code(plane.project, code, PARTITIONS) for code in codes]
    assert await plane.client.exists(*names) == len(codes)
