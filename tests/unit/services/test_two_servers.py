"""Two control planes on one database and one store: each request is done once, and nobody undoes what the other did."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import pytest
import pytest_asyncio
from sqlalchemy import select
from support.control_plane import ControlPlane, control_plane

from promo_server.domain.access import ApiKey
from promo_server.domain.campaign import Campaign
from promo_server.domain.code_import import ImportState, LateCodes, NewRows
from promo_server.domain.errors import DomainError
from promo_server.domain.layout import CodeLayout
from promo_server.domain.operation import OperationState
from promo_server.domain.paging import Page
from promo_server.domain.reasons import Reason
from promo_server.domain.requests import Repeat
from promo_server.embedded import EmbeddedStore
from promo_server.services.change_campaign import CampaignTarget
from promo_server.services.store_history import forget_store
from promo_server.sql.rows.keys import SqlApiKeys
from promo_server.sql.tables.definitions import CODE_RANGES
from promo_server.store import keys

pytestmark = pytest.mark.asyncio

STORED = CodeLayout(length=4, charset="0123456789", check_symbol=False)


@pytest_asyncio.fixture
async def other(plane: ControlPlane, database_url: str, embedded_store: EmbeddedStore) -> AsyncIterator[ControlPlane]:
    async with control_plane(database_url, embedded_store.url) as second:
        assert second.project == plane.project
        yield second


async def test_one_request_at_both_is_done_once_and_answered_alike(plane: ControlPlane, other: ControlPlane) -> None:
    new = plane.new(name="once")
    repeat = Repeat("CreateCampaign", "r1", b"hash")
    answers: list[Campaign] = await asyncio.gather(
        *(
            one.use_cases.create_campaign(one.caller, new, repeat, validate_only=False)
            for _ in range(15)
            for one in (plane, other)
        )
    )
    assert {answer.id for answer in answers} == {answers[0].id}
    page = await other.use_cases.read_campaigns.page(other.caller, Page(10, None))
    assert [campaign.id for campaign in page.rows] == [answers[0].id]


async def test_campaigns_made_at_both_take_names_numbers_and_ranges_of_their_own(
    plane: ControlPlane, other: ControlPlane
) -> None:
    async def create(by: ControlPlane, number: int) -> Reason | None:
        try:
            await by.campaign(name=f"c{number}", code_count=500)
        except DomainError as error:
            return error.reason
        return None

    # Each name is wanted twice, once at each.
    endings = await asyncio.gather(*(create(by, number) for number in range(12) for by in (plane, other)))
    assert Counter(endings) == {None: 12, Reason.CAMPAIGN_ALREADY_EXISTS: 12}
    async with plane.database.connection() as connection:
        ranges = sorted(await connection.execute(select(CODE_RANGES.c.start_index, CODE_RANGES.c.end_index)))
    assert [end for _, end in ranges[:-1]] == [start for start, _ in ranges[1:]]
    for number in range(1, 13):
        assert await plane.client.exists(keys.bundle(plane.project, number, 4))


async def test_a_campaign_changed_at_both_has_every_change_and_the_store_the_last_version(
    plane: ControlPlane, other: ControlPlane
) -> None:
    campaign = await plane.campaign()
    target = CampaignTarget(campaign.id)
    await asyncio.gather(
        *(
            by.use_cases.change_campaign.switch(by.caller, target, Repeat("s"), enabled=enabled)
            for enabled in (False, True) * 10
            for by in (plane, other)
        )
    )
    found = await plane.use_cases.read_campaigns.get(plane.caller, campaign.id)
    version = await plane.client.get(keys.bundle_version(plane.project, campaign.number, 4))
    assert int(version) == found.version > 2


async def test_an_operation_is_done_or_cancelled_and_never_both(plane: ControlPlane, other: ControlPlane) -> None:
    campaign = await plane.campaign(layout=STORED, code_count=10)
    seen = set()
    for number in range(6):
        before = (await plane.use_cases.read_campaigns.get(plane.caller, campaign.id)).code_count
        operation = await plane.use_cases.code_batches.create(plane.caller, campaign.id, 300, Repeat("t"))
        await other.use_cases.runner.resume()
        await asyncio.sleep(number * 0.02)
        await other.use_cases.operations.cancel(other.caller, operation.id)
        ended = await plane.use_cases.operations.wait(plane.caller, operation.id, 30)
        assert ended.done
        after = (await plane.use_cases.read_campaigns.get(plane.caller, campaign.id)).code_count
        assert after - before == (300 if ended.state is OperationState.SUCCEEDED else 0)
        seen.add(ended.state)
    assert seen <= {OperationState.SUCCEEDED, OperationState.CANCELLED}


async def test_an_import_aborted_at_both_takes_nothing_from_the_next_one(
    plane: ControlPlane, other: ControlPlane
) -> None:
    campaign = await plane.campaign(code_count=0)
    imports, caller = plane.use_cases.import_codes, plane.caller
    first = await imports.start(caller, campaign.id, "a.csv", Repeat("t"))
    for start in range(0, 30_000, 10_000):
        await imports.append(
            caller, NewRows(first.id, start, [f"OLD-{number}" for number in range(start, start + 10_000)]), Repeat("t")
        )
    real, late = other.use_cases.import_codes._forget, asyncio.Event()

    async def slow(current: object) -> object:
        await late.wait()
        return await real(current)  # type: ignore[arg-type]

    other.use_cases.import_codes._forget = slow  # type: ignore[method-assign, assignment]
    slower = asyncio.create_task(other.use_cases.import_codes.abort(other.caller, first.id, Repeat("t")))
    assert (await imports.abort(caller, first.id, Repeat("t"))).state is ImportState.ABORTED
    second = await imports.start(caller, campaign.id, "b.csv", Repeat("t"))
    await imports.append(caller, NewRows(second.id, 0, ["NEW-1", "NEW-2"]), Repeat("t"))
    late.set()
    assert (await slower).state is ImportState.ABORTED
    finished = await imports.finish(caller, second.id, Repeat("t"))
    assert finished.accepted_count == 2
    async with plane.database.read() as unit:
        assert await unit.stored_codes.slice(campaign.id, 0, 10) == ["NEW-1", "NEW-2"]
    for code, there in (("OLD-0", 0), ("NEW-1", 1), ("NEW-2", 1)):
        assert await plane.client.exists(keys.stored_code(plane.project, code, 4)) == there


async def abort_before_the_store_has_the_codes(
    plane: ControlPlane, other: ControlPlane, codes: list[str]
) -> tuple[Campaign, Callable[[], Awaitable[None]]]:
    """Return the campaign of an import that the other server aborted, and what lets the store have its codes now."""
    campaign = await plane.campaign(code_count=0)
    imports = plane.use_cases.import_codes
    first = await imports.start(plane.caller, campaign.id, "a.csv", Repeat("t"))
    real, late = imports._store.put_stored_codes, asyncio.Event()

    async def slow(project: str, number: int, position: int, codes: list[str]) -> None:
        await late.wait()
        imports._store.put_stored_codes = real  # type: ignore[method-assign]
        await real(project, number, position, codes)

    async def arrive() -> None:
        late.set()
        await imports._settle(first.id)

    imports._store.put_stored_codes = slow  # type: ignore[method-assign, assignment]
    await imports.append(plane.caller, NewRows(first.id, 0, codes), Repeat("t"))
    assert (await other.use_cases.import_codes.abort(other.caller, first.id, Repeat("t"))).state is ImportState.ABORTED
    return campaign, arrive


async def import_at(by: ControlPlane, campaign: Campaign, codes: list[str]) -> None:
    imports = by.use_cases.import_codes
    started = await imports.start(by.caller, campaign.id, "b.csv", Repeat("t"))
    await imports.append(by.caller, NewRows(started.id, 0, codes), Repeat("t"))
    assert (await imports.finish(by.caller, started.id, Repeat("t"))).accepted_count == len(codes)


async def require_in_store(
    plane: ControlPlane, codes: dict[str, tuple[Campaign, int]], gone: list[str], *campaigns: Campaign
) -> None:
    found = {code: await plane.client.get(keys.stored_code(plane.project, code, 4)) for code in {*codes, *gone}}
    assert {code: place for code, place in found.items() if place is not None} == {
        code: f"{campaign.number}:{position}".encode() for code, (campaign, position) in codes.items()
    }
    for campaign in campaigns:
        bucket = await plane.client.hgetall(keys.stored_codes(plane.project, campaign.number, 0, 4))  # type: ignore[misc]
        assert {code.decode(): (campaign, int(position)) for position, code in bucket.items()} == {
            code: place for code, place in codes.items() if place[0] == campaign
        }


OLD = [f"OLD-{number}" for number in range(4)]


@pytest.mark.parametrize(
    ("following", "elsewhere"),
    [
        ([], []),
        (["OLD-0", "OLD-1", "OLD-2"], []),
        (["OLD-2", "NEW-1", "OLD-0", "NEW-2", "OLD-1"], ["ELSE-1", "OLD-3"]),
        (["NEW-1", "NEW-2"], ["OLD-1"]),
    ],
)
async def test_codes_on_their_way_to_the_store_while_another_server_aborts_do_not_stay_there(
    plane: ControlPlane,
    other: ControlPlane,
    following: list[str],
    elsewhere: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign, arrive = await abort_before_the_store_has_the_codes(plane, other, OLD)
    expected = {code: (campaign, position) for position, code in enumerate(following)}
    if following:
        await import_at(other, campaign, following)
    second = await other.campaign(name="second", code_count=0)
    if elsewhere:
        await import_at(other, second, elsewhere)
        expected |= {code: (second, position) for position, code in enumerate(elsewhere)}
    store = plane.use_cases.import_codes._store
    real, deleted = store.delete_stored_codes, set[str]()

    async def noted(project: str, number: int, positions: range, codes: list[str]) -> None:
        deleted.update(codes)
        await real(project, number, positions, codes)

    monkeypatch.setattr(store, "delete_stored_codes", noted)
    await arrive()
    await require_in_store(plane, expected, OLD, campaign, second)
    # Not for a moment was one away that can be used.
    assert deleted == set(OLD) - set(expected)


async def test_codes_that_nobody_saw_arrive_after_an_abort_are_taken_back_a_minute_later(
    plane: ControlPlane, other: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise DomainError(Reason.STORE_UNAVAILABLE)

    monkeypatch.setattr(plane.use_cases.import_codes, "_look_whether_aborted", fails)
    campaign, arrive = await abort_before_the_store_has_the_codes(plane, other, OLD)
    await import_at(other, campaign, ["NEW-1", "OLD-0"])
    await arrive()
    look_again = other.use_cases.take_late_codes_back
    await look_again()
    assert await plane.client.exists(keys.stored_code(plane.project, "OLD-1", 4))
    other.clock.now_ms += 60_000
    with monkeypatch.context() as patched:
        patched.setattr(look_again._store, "delete_stored_codes", fails)
        with pytest.raises(DomainError):
            await look_again()
    await look_again()
    await require_in_store(plane, {"NEW-1": (campaign, 0), "OLD-0": (campaign, 1)}, OLD, campaign)
    async with other.database.read() as unit:
        assert await unit.imports.due_late(other.clock()) is None


@pytest.mark.parametrize("failure", [ValueError("unreadable"), DomainError(Reason.STORE_UNAVAILABLE)])
@pytest.mark.parametrize("stuck", [0, 1, 2])
async def test_late_codes_that_cannot_be_taken_back_keep_no_others_there(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, stuck: int, failure: Exception
) -> None:
    numbers = await late_codes(plane)
    look_again = plane.use_cases.take_late_codes_back
    real = look_again._store.delete_stored_codes

    async def fails_for_one(project: str, number: int, positions: range, codes: list[str]) -> None:
        if number == numbers[stuck]:
            raise failure
        await real(project, number, positions, codes)

    with monkeypatch.context() as patched:
        patched.setattr(look_again._store, "delete_stored_codes", fails_for_one)
        with pytest.raises(type(failure)):
            await look_again()
    left = [await plane.client.exists(keys.stored_code(plane.project, f"LATE-{number}", 4)) for number in range(3)]
    assert left == [position == stuck for position in range(3)]
    await look_again()
    await require_in_store(plane, {}, [f"LATE-{position}" for position in range(3)])


async def test_without_the_store_few_late_codes_wait_for_it(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would wait for it, and what changes the project would wait for each."""
    await late_codes(plane)
    tried = list[int]()

    async def unavailable(_: str, number: int, *__: object) -> None:
        tried.append(number)
        raise DomainError(Reason.STORE_UNAVAILABLE)

    look_again = plane.use_cases.take_late_codes_back
    monkeypatch.setattr(look_again._store, "delete_stored_codes", unavailable)
    with pytest.raises(DomainError):
        await look_again()
    assert len(tried) == 2


async def late_codes(plane: ControlPlane) -> list[int]:
    """Let codes of three aborted imports be due and in the store; return the numbers of their campaigns."""
    imports = plane.use_cases.import_codes
    numbers = list[int]()
    for position in range(3):
        campaign = await plane.campaign(name=f"late-{position}", code_count=0)
        started = await imports.start(plane.caller, campaign.id, "a.csv", Repeat("t"))
        late = LateCodes(await imports.abort(plane.caller, started.id, Repeat("t")), 0, [f"LATE-{position}"])
        async with plane.database.write() as unit:
            await unit.imports.keep_late(late, plane.clock())
        await imports._store.put_stored_codes(plane.project, campaign.number, 0, late.codes)
        numbers.append(campaign.number)
    plane.clock.now_ms += 3
    return numbers


async def test_codes_that_are_back_after_they_were_taken_out_are_taken_out_again(plane: ControlPlane) -> None:
    """As when a replica takes over that has not heard of the abort."""
    campaign = await plane.campaign(code_count=0)
    imports = plane.use_cases.import_codes
    first = await imports.start(plane.caller, campaign.id, "a.csv", Repeat("t"))
    await imports.append(plane.caller, NewRows(first.id, 0, OLD), Repeat("t"))
    await imports._settle(first.id)
    await imports.abort(plane.caller, first.id, Repeat("t"))
    await imports._store.put_stored_codes(plane.project, campaign.number, 0, OLD)
    plane.clock.now_ms += 3_600_000
    await plane.use_cases.take_late_codes_back()
    assert not [code for code in OLD if await imports._store.has_stored_code(plane.project, code)]


async def test_servers_that_start_at_once_make_one_project_and_each_key_once(
    plane: ControlPlane, other: ControlPlane
) -> None:
    pairs = [("k1", "t1"), ("k2", "t2")]
    made = await asyncio.gather(*(by.use_cases.bootstrap("new", pairs) for _ in range(5) for by in (plane, other)))
    assert len({one.project.id for one in made}) == 1
    listed = await plane.use_cases.access.list_keys(
        replace(plane.caller, project=made[0].project.id), made[0].project.id, Page(10, None)
    )
    assert sorted(key.id for key in listed.rows) == ["k1", "k2"]


async def test_a_key_that_is_revoked_while_a_server_starts_with_another_token_stays_revoked(
    plane: ControlPlane, other: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    await plane.use_cases.bootstrap("default", [("k1", "before")])
    real, starting, revoked = SqlApiKeys.update, asyncio.Event(), asyncio.Event()

    async def slow(rows: SqlApiKeys, key: ApiKey) -> None:
        if key.revoke_ms is None:
            starting.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(revoked.wait(), 0.5)
        await real(rows, key)

    monkeypatch.setattr(SqlApiKeys, "update", slow)
    start = asyncio.create_task(other.use_cases.bootstrap("default", [("k1", "after")]))
    await starting.wait()
    await plane.use_cases.access.revoke_key(plane.caller, "k1", Repeat("t"))
    revoked.set()
    await start
    async with plane.database.read() as unit:
        key = await unit.keys.by_id("k1")
    assert key is not None
    assert key.revoke_ms is not None
    assert not await plane.client.hexists(keys.auth(), "k1")  # type: ignore[misc]


async def test_definitions_that_both_publish_at_once_leave_nothing_waiting(
    plane: ControlPlane, other: ControlPlane
) -> None:
    await plane.campaign(layout=STORED, code_count=50)

    async def publish_all(by: ControlPlane) -> None:
        await forget_store(by.database, keys.named_from())
        await by.use_cases.publisher.publish(rebuilding=True)

    await asyncio.gather(*(publish_all(by) for _ in range(3) for by in (plane, other)))
    async with plane.database.read() as unit:
        assert await unit.pending.count() == 0
