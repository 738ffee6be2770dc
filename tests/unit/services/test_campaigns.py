from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import replace

import pytest
from support.control_plane import DEFINITION, PARTITIONS, ControlPlane

from promo_server.domain.campaign import CodeMode
from promo_server.domain.definition import Limits
from promo_server.domain.errors import DomainError
from promo_server.domain.layout import CodeLayout
from promo_server.domain.paging import Page
from promo_server.domain.reasons import Reason
from promo_server.domain.requests import KEPT_FOR_MS, Repeat
from promo_server.services.change_campaign import CampaignTarget, CampaignUpdate
from promo_server.services.store_history import forget_store
from promo_server.store import keys

pytestmark = pytest.mark.asyncio


async def bundle_of(plane: ControlPlane, number: int) -> dict[str, object]:
    text = await plane.client.get(keys.bundle(plane.project, number, PARTITIONS))
    return dict(json.loads(text))


async def test_a_created_campaign_is_in_the_store_when_the_call_returns(plane: ControlPlane) -> None:
    epoch = int(await plane.client.get(keys.epoch()))
    campaign = await plane.campaign(code_count=1_000_000_000)
    bundle = await bundle_of(plane, campaign.number)
    assert bundle["id"] == campaign.id
    assert bundle["ranges"] == [[0, 1_000_000_000]]
    project = json.loads(await plane.client.get(keys.project_bundle(plane.project)))
    assert project["layouts"][0]["ranges"] == [[0, 1_000_000_000, campaign.number]]
    assert {"number": campaign.number, "id": campaign.id, "name": campaign.name} in project["campaigns"]
    versions = {int(await plane.client.get(keys.project_version(plane.project, p))) for p in range(PARTITIONS)}
    assert versions == {project["version"]}
    assert int(await plane.client.get(keys.epoch())) > epoch


async def test_campaigns_created_at_once_on_one_layout_take_disjoint_ranges(plane: ControlPlane) -> None:
    campaigns = await asyncio.gather(*(plane.campaign(code_count=1_000 + n) for n in range(20)))
    async with plane.database.read() as unit:
        taken = sorted((part.range.start, part.range.end) for part in await unit.layouts.ranges_of(plane.project))
        assert len(await unit.layouts.all_of(plane.project)) == 1
    assert sum(end - start for start, end in taken) == sum(campaign.code_count for campaign in campaigns)
    assert all(first[1] == second[0] for first, second in itertools.pairwise(taken))
    assert sorted(campaign.number for campaign in campaigns) == list(range(1, 21))


async def test_the_same_request_id_returns_the_first_answer(plane: ControlPlane) -> None:
    new, repeat = plane.new(), Repeat("CreateCampaign", "r1", b"body")
    first = await plane.use_cases.create_campaign(plane.caller, new, repeat, validate_only=False)
    assert await plane.use_cases.create_campaign(plane.caller, new, repeat, validate_only=False) == first


async def test_requests_at_once_with_one_request_id_create_one_campaign(plane: ControlPlane) -> None:
    new, repeat = plane.new(), Repeat("CreateCampaign", "r1", b"body")
    create = plane.use_cases.create_campaign
    answers = await asyncio.gather(*(create(plane.caller, new, repeat, validate_only=False) for _ in range(8)))
    assert len({answer.id for answer in answers}) == 1


async def test_the_same_request_id_with_another_body_is_refused(plane: ControlPlane) -> None:
    create = plane.use_cases.create_campaign
    await create(plane.caller, plane.new(), Repeat("CreateCampaign", "r1", b"one"), validate_only=False)
    with pytest.raises(DomainError) as refused:
        await create(plane.caller, plane.new(), Repeat("CreateCampaign", "r1", b"two"), validate_only=True)
    assert refused.value.reason is Reason.REQUEST_ID_REUSED


async def test_a_request_id_can_be_used_again_after_a_day(plane: ControlPlane) -> None:
    create, repeat = plane.use_cases.create_campaign, Repeat("CreateCampaign", "r1", b"one")
    first = await create(plane.caller, plane.new(), repeat, validate_only=False)
    plane.clock.now_ms += KEPT_FOR_MS
    assert await create(plane.caller, plane.new(), repeat, validate_only=False) != first


async def test_a_taken_name_is_refused_and_free_again_after_deletion(plane: ControlPlane) -> None:
    campaign = await plane.campaign(name="summer")
    with pytest.raises(DomainError) as refused:
        await plane.campaign(name="summer")
    assert refused.value.reason is Reason.CAMPAIGN_ALREADY_EXISTS
    await plane.use_cases.change_campaign.delete(plane.caller, CampaignTarget("summer"), Repeat("t"))
    again = await plane.campaign(name="summer")
    assert again.number > campaign.number
    assert (await bundle_of(plane, campaign.number))["deleted"] is True


async def test_a_dry_run_changes_nothing_and_fails_like_the_real_call(plane: ControlPlane) -> None:
    create = plane.use_cases.create_campaign
    checked = await create(plane.caller, plane.new(name="a"), Repeat("t", "r1", b"b"), validate_only=True)
    assert checked.id == ""
    assert (await plane.use_cases.read_campaigns.page(plane.caller, Page(10, None))).rows == ()
    campaign = await create(plane.caller, plane.new(name="a"), Repeat("t", "r1", b"b"), validate_only=False)
    assert campaign.number == 1
    with pytest.raises(DomainError) as refused:
        await create(plane.caller, plane.new(name="a"), Repeat("t"), validate_only=True)
    assert refused.value.reason is Reason.CAMPAIGN_ALREADY_EXISTS


async def test_a_definition_that_contradicts_itself_is_refused_with_every_violation(plane: ControlPlane) -> None:
    wrong = replace(DEFINITION, currency="XXQ", limits=Limits(per_code=-1))
    with pytest.raises(DomainError) as refused:
        await plane.campaign(definition=wrong)
    assert refused.value.reason is Reason.FIELD_INVALID
    assert len(refused.value.violations) == 2
    assert all(violation.field.startswith("campaign.") for violation in refused.value.violations)


async def test_an_update_changes_named_fields_and_the_version_in_the_store(plane: ControlPlane) -> None:
    campaign = await plane.campaign(description="before")
    target = CampaignTarget(campaign.name, campaign.etag)
    update = CampaignUpdate(target, {"join_once": True}, limits=Limits(per_code=1, per_campaign=2))
    changed = await plane.use_cases.change_campaign.update(plane.caller, update, Repeat("t"))
    assert (changed.join_once, changed.description) == (True, "before")
    bundle = await bundle_of(plane, campaign.number)
    assert bundle["version"] == changed.version == campaign.version + 1
    version = await plane.client.get(keys.bundle_version(plane.project, campaign.number, PARTITIONS))
    assert int(version) == changed.version
    with pytest.raises(DomainError) as refused:
        await plane.use_cases.change_campaign.update(plane.caller, update, Repeat("t"))
    assert refused.value.reason is Reason.ETAG_MISMATCH
    assert refused.value.metadata["etag"] == changed.etag


async def test_disabling_a_disabled_campaign_changes_nothing(plane: ControlPlane) -> None:
    campaign = await plane.campaign()
    switch = plane.use_cases.change_campaign.switch
    disabled = await switch(plane.caller, CampaignTarget(campaign.id), Repeat("t"), enabled=False)
    assert (await bundle_of(plane, campaign.number))["enabled"] is False
    assert await switch(plane.caller, CampaignTarget(campaign.id), Repeat("t"), enabled=False) == disabled


async def test_a_caller_sees_no_campaign_of_another_project(plane: ControlPlane) -> None:
    campaign = await plane.campaign()
    stranger = replace(plane.caller, project="other")
    with pytest.raises(DomainError) as refused:
        await plane.use_cases.read_campaigns.get(stranger, campaign.id)
    assert refused.value.reason is Reason.CAMPAIGN_NOT_FOUND


async def test_pages_list_every_campaign_once_newest_first(plane: ControlPlane) -> None:
    names = [(await plane.campaign()).name for _ in range(5)]
    found, after = list[str](), None
    while True:
        page = await plane.use_cases.read_campaigns.page(plane.caller, Page(2, after))
        found += [campaign.name for campaign in page.rows]
        if page.last is None:
            break
        after = page.last
    assert found == names[::-1]


async def test_a_layout_that_could_spell_codes_of_another_gets_stored_codes(plane: ControlPlane) -> None:
    await plane.campaign()
    other = await plane.campaign(layout=CodeLayout(length=10, charset="23456789CDFGHJKMNPQR"), code_count=200)
    assert other.code_mode is CodeMode.STORED
    assert "another layout" in other.code_mode_reason
    bundle = await bundle_of(plane, other.number)
    assert (bundle["layout"], bundle["ranges"]) == (None, [[0, 200]])
    async with plane.database.read() as unit:
        codes = await unit.stored_codes.slice(other.id, 0, 1_000)
    place = await plane.client.get(keys.stored_code(plane.project, codes[7], PARTITIONS))
    assert place == f"{other.number}:7".encode()
    bucket = keys.stored_codes(plane.project, other.number, 0, PARTITIONS)
    assert await plane.client.hget(bucket, "7") == codes[7].encode()
    assert len(set(codes)) == 200


async def test_a_small_layout_gets_stored_codes_and_a_full_one_is_refused_with_a_way_out(plane: ControlPlane) -> None:
    small = await plane.campaign(layout=CodeLayout(length=4), code_count=100)
    assert small.code_mode is CodeMode.STORED
    for count in (300_000, 2_000_000):
        with pytest.raises(DomainError) as refused:
            await plane.campaign(layout=CodeLayout(length=4, prefix="A-"), code_count=count)
        assert refused.value.reason is Reason.CODE_SPACE_TOO_SMALL
        assert refused.value.metadata["suggestion"]


async def test_the_last_unused_codes_of_a_space_are_found(plane: ControlPlane) -> None:
    drawn = await plane.campaign(layout=CodeLayout(length=4, charset="BCD", prefix="Z-"), code_count=1)
    other = await plane.campaign(layout=CodeLayout(length=4), code_count=1)
    async with plane.database.write() as unit:
        [code] = await unit.stored_codes.slice(drawn.id, 0, 10)
        spelled = ("Z-" + "".join(symbols) for symbols in itertools.product("BCD", repeat=4))
        rest = [text for text in spelled if text != code]
        await unit.stored_codes.insert(plane.project, other.id, other.code_count, rest[:-5])
    operation = await plane.use_cases.code_batches.create(plane.caller, drawn.id, 2, Repeat("t"))
    await plane.use_cases.operations.wait(plane.caller, operation.id, 30)
    async with plane.database.read() as unit:
        codes = await unit.stored_codes.slice(drawn.id, 0, 10)
    assert len(codes) == 3
    assert set(codes[1:]) <= set(rest[-5:])


async def test_computed_codes_skip_indices_that_stored_codes_spell(plane: ControlPlane) -> None:
    first = await plane.campaign(code_count=100)
    async with plane.database.write() as unit:
        await unit.layouts.skip(plane.project, 1, [100, 103, 110])
    await plane.use_cases.code_batches.create(plane.caller, first.id, 10, Repeat("t"))
    assert (await bundle_of(plane, first.number))["ranges"] == [[0, 100], [101, 103], [104, 110], [111, 113]]
    async with plane.database.read() as unit:
        taken = await unit.layouts.campaign_ranges(first.id)
        assert [part.first_position for part in taken] == [0, 100, 102, 108]


async def test_a_stored_code_in_the_space_of_a_layout_is_skipped_by_it(plane: ControlPlane) -> None:
    computed = await plane.campaign(layout=CodeLayout(length=6, charset="0123456789"), code_count=5)
    assert computed.code_mode is CodeMode.ARITHMETIC
    stored = await plane.campaign(layout=CodeLayout(length=6, charset="012345678"), code_count=50)
    assert stored.code_mode is CodeMode.STORED
    async with plane.database.read() as unit:
        assert len(await unit.layouts.skips_from(plane.project, 1, 0, 10**6)) == 50


async def test_a_new_layout_skips_the_stored_codes_that_it_could_spell(plane: ControlPlane) -> None:
    stored = await plane.campaign(layout=CodeLayout(length=6, charset="0123456789"), code_count=20_000)
    assert stored.code_mode is CodeMode.STORED
    computed = await plane.campaign(layout=CodeLayout(length=6, charset="0123456789AB"), code_count=5)
    assert computed.code_mode is CodeMode.ARITHMETIC
    async with plane.database.read() as unit:
        assert len(await unit.layouts.skips_from(plane.project, 1, 0, 12**6)) == 20_000


async def test_a_change_survives_a_dead_store_and_is_published_later(plane: ControlPlane) -> None:
    campaign = await plane.campaign()
    store = plane.use_cases.publisher._store
    real = store.put_campaign

    async def dead(*_arguments: object) -> None:
        raise DomainError(Reason.STORE_UNAVAILABLE)

    store.put_campaign = dead  # type: ignore[method-assign]
    switch = plane.use_cases.change_campaign.switch
    with pytest.raises(DomainError) as refused:
        await switch(plane.caller, CampaignTarget(campaign.id), Repeat("t", "r", b"b"), enabled=False)
    assert refused.value.reason is Reason.STORE_UNAVAILABLE
    assert (await bundle_of(plane, campaign.number))["enabled"] is True
    store.put_campaign = real  # type: ignore[method-assign]
    again = await switch(plane.caller, CampaignTarget(campaign.id), Repeat("t", "r", b"b"), enabled=False)
    assert again.enabled is False
    assert (await bundle_of(plane, campaign.number))["enabled"] is False


async def test_an_empty_store_gets_every_definition_again(plane: ControlPlane) -> None:
    campaign = await plane.campaign()
    stored = await plane.campaign(layout=CodeLayout(length=4, prefix="X"), code_count=50)
    before = {name: await plane.client.dump(name) for name in await plane.client.keys() if name != b"promo:epoch"}
    await plane.client.flushall()
    await forget_store(plane.database, keys.named_from())
    await plane.use_cases.publisher.publish(rebuilding=True)
    after = {name: await plane.client.dump(name) for name in await plane.client.keys() if name != b"promo:epoch"}
    assert before.keys() == after.keys()
    assert (await bundle_of(plane, campaign.number))["id"] == campaign.id
    assert (await bundle_of(plane, stored.number))["id"] == stored.id


async def test_a_store_that_has_lost_everything_gets_no_definition_before_it_is_rebuilt(plane: ControlPlane) -> None:
    campaign = await plane.campaign()
    await plane.client.flushall()
    switch = plane.use_cases.change_campaign.switch
    with pytest.raises(DomainError) as refused:
        await switch(plane.caller, CampaignTarget(campaign.id), Repeat("t"), enabled=False)
    assert refused.value.reason is Reason.STORE_UNAVAILABLE
    # As with a store that is away, what a server that starts has changed waits.
    await plane.use_cases.bootstrap("another project", [("another", "secret")])
    assert await plane.client.dbsize() == 0
    await forget_store(plane.database, keys.named_from())
    await plane.use_cases.publisher.publish(rebuilding=True)
    assert (await bundle_of(plane, campaign.number))["enabled"] is False


async def test_an_older_bundle_never_replaces_a_newer_one(plane: ControlPlane) -> None:
    campaign = await plane.campaign()
    store = plane.use_cases.publisher._store
    await store.put_campaign(plane.project, campaign.number, 9, b"nine")
    await store.put_campaign(plane.project, campaign.number, 8, b"eight")
    assert await plane.client.get(keys.bundle(plane.project, campaign.number, PARTITIONS)) == b"nine"


async def test_a_dry_run_of_a_switch_or_an_end_changes_nothing_and_fails_as_the_call_would(plane: ControlPlane) -> None:
    change, campaign = plane.use_cases.change_campaign, await plane.campaign(code_count=10)
    before = await bundle_of(plane, campaign.number)
    target = CampaignTarget(campaign.id, campaign.etag)
    dry = await change.switch(plane.caller, target, Repeat("t"), enabled=False, validate_only=True)
    assert not dry.enabled
    await change.delete(plane.caller, target, Repeat("t"), validate_only=True)
    assert await plane.use_cases.read_campaigns.get(plane.caller, campaign.id) == campaign
    assert await bundle_of(plane, campaign.number) == before
    stale = CampaignTarget(campaign.id, "another")
    for call in (
        change.switch(plane.caller, stale, Repeat("t"), enabled=False, validate_only=True),
        change.delete(plane.caller, stale, Repeat("t"), validate_only=True),
    ):
        with pytest.raises(DomainError) as refused:
            await call
        assert refused.value.reason is Reason.ETAG_MISMATCH
