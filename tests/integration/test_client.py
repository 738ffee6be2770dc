"""The client library against a running server: every method, as a checkout service would use it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
import pytest_asyncio
from support.server_process import KEY, ServerProcess

from promo.client import (
    Campaign,
    Limits,
    PromoClient,
    PromoError,
    Reason,
    exceptions,
    item,
    order,
    percent_off,
    publish_request,
    redeem_request,
    validate_request,
)
from promo.v1.publication_pb2 import Publication
from promo.v1.redeemable_pb2 import RedeemableStatus
from promo.v1.redemption_pb2 import Redemption, RedemptionState
from promo.v1.validation_service_pb2 import Validation
from promo_server.data_plane import runtime_config
from promo_server.runtime import Runtime
from promo_server.settings import Settings
from promo_server.state import StateDir

pytestmark = pytest.mark.asyncio

CART = order("GBP", [item("mug", price=12_50, quantity=2), item("plate", price=5_00)])
DISCOUNT = 6_00
"""20 % of 30.00."""


Connect = Callable[[str | None], PromoClient]
"""Makes a client with a key."""


@pytest_asyncio.fixture(params=["channel", "in process"])
async def connect(request: pytest.FixtureRequest, server: ServerProcess) -> AsyncIterator[Connect]:
    """Yield a maker of clients: over the network, and with an engine in this process beside the server's own."""
    if request.param == "channel":
        yield lambda key: PromoClient.connect(server.target, key=key)
        return
    state = StateDir(server.state_dir)
    master = state.load_master_secret()
    assert master is not None
    runtime = Runtime(runtime_config(Settings(), f"unix://{state.store_socket}", master, state.control_socket))
    async with asyncio.timeout(10.0):
        while not runtime.healthy():
            await asyncio.sleep(0.01)
    yield lambda key: PromoClient.in_process(runtime, key=key)
    await runtime.drain(1.0)


@pytest_asyncio.fixture
async def client(connect: Connect) -> AsyncIterator[PromoClient]:
    async with connect(KEY) as connected:
        yield connected


async def new_campaign(client: PromoClient, *, code_count: int = 1_000, limits: Limits | None = None) -> Campaign:
    return await client.campaigns.create(
        Campaign(
            name=f"client-{uuid.uuid4().hex}",
            currency_code="GBP",
            discount=percent_off(20, limit=100_00),
            limits=limits or Limits(per_code=1),
            code_count=code_count,
        ),
    )


async def test_a_code_is_published_validated_redeemed_and_rolled_back(client: PromoClient) -> None:
    campaign = await new_campaign(client)
    publication = await client.publish(campaign=campaign.name, customer="17850", source_id="mail-1")
    [code] = publication.codes

    validation = await client.validate(codes=[code], order=CART, customer="17850")
    assert validation.valid
    assert validation.order.total_discount_amount == DISCOUNT

    redemption = await client.redeem(codes=[code], order=CART, customer="17850")
    assert redemption.order.total_amount == 30_00 - DISCOUNT
    assert (await client.vouchers.get(code)).redeemed_count == 1
    assert (await client.redemptions.get(redemption.id)).results == redemption.results

    with pytest.raises(exceptions.CodeUsesExhausted) as caught:
        await client.redeem(codes=[code], order=CART, customer="17850")
    assert caught.value.metadata["limit"] == "1"

    rollback = await client.rollback(redemption.id, reason="order cancelled")
    assert rollback.returned_discount_amount == DISCOUNT
    assert rollback.redemption_state == RedemptionState.REDEMPTION_STATE_ROLLED_BACK
    with pytest.raises(exceptions.AlreadyRolledBack):
        await client.rollback(redemption.id)
    assert await client.redeem(codes=[code], order=CART, customer="17850")


async def test_a_repeated_request_id_gets_the_first_answer_and_another_body_is_refused(client: PromoClient) -> None:
    campaign = await new_campaign(client)
    [code] = (await client.publish(campaign=campaign.id, customer="a")).codes
    request_id = uuid.uuid4().hex
    first = await client.redeem(codes=[code], order=CART, request_id=request_id)
    assert await client.redeem(codes=[code], order=CART, request_id=request_id) == first
    with pytest.raises(exceptions.RequestIdReused) as caught:
        await client.redeem(codes=[code], order=order("GBP", amount=1_00), request_id=request_id)
    assert caught.value.request_id == request_id


async def test_a_publication_is_repeated_by_its_source_id_and_counted_once(client: PromoClient) -> None:
    campaign = await new_campaign(client)
    first = await client.publish(campaign=campaign.name, customer="a", source_id="mail-1")
    again = await client.publish(campaign=campaign.name, customer="a", source_id="mail-1")
    assert again == first
    assert await client.publications.get(first.id) == first
    assert [held.id for held in await client.publications.held(campaign.name, "a")] == [first.id]
    counts = await client.publications.count_codes(campaign.name)
    assert (counts.issued_count, counts.published_count, counts.unpublished_count) == (1_000, 1, 999)


async def test_a_session_holds_a_use_until_it_is_released(client: PromoClient) -> None:
    campaign = await new_campaign(client)
    [code] = (await client.publish(campaign=campaign.name, customer="a")).codes
    validation = await client.validate(codes=[code], order=CART, session=timedelta(minutes=5))
    key = validation.session.key
    assert list((await client.sessions.get(key)).codes) == [code]
    assert not (await client.validate(codes=[code], order=CART)).valid
    await client.sessions.release(key)
    with pytest.raises(exceptions.SessionNotFound):
        await client.sessions.get(key)
    assert (await client.validate(codes=[code], order=CART)).valid


async def test_a_session_is_confirmed_by_its_redemption(client: PromoClient) -> None:
    campaign = await new_campaign(client)
    [code] = (await client.publish(campaign=campaign.name, customer="a")).codes
    hold = (await client.validate(codes=[code], order=CART, session=timedelta(minutes=5))).session
    await client.redeem(codes=[code], order=CART, session_key=hold.key)
    with pytest.raises(exceptions.SessionNotFound):
        await client.sessions.release(hold.key)


async def test_batches_answer_each_item_for_itself(client: PromoClient) -> None:
    campaign = await new_campaign(client)
    published = await client.batch_publish(
        [publish_request(campaign=campaign.name, customer=f"c{number}") for number in range(3)]
        + [publish_request(campaign="no-such-campaign", customer="c")],
    )
    publications = [result for result in published if isinstance(result, Publication)]
    assert len(publications) == 3
    assert isinstance(published[3], exceptions.CampaignNotFound)

    codes = [publication.codes[0] for publication in publications]
    validations = await client.batch_validate([validate_request(codes=[code], order=CART) for code in codes])
    assert all(isinstance(result, Validation) and result.valid for result in validations)

    redeemed = await client.batch_redeem(
        [redeem_request(codes=[code], order=CART) for code in [*codes, codes[0]]],
    )
    # Items are done at the same time: of the two that use one code, either may come first.
    assert all(isinstance(result, Redemption) for result in redeemed[1:3])
    assert sum(isinstance(result, Redemption) for result in redeemed) == 3
    assert sum(isinstance(result, exceptions.CodeUsesExhausted) for result in redeemed) == 1


async def test_partial_mode_uses_what_applies(client: PromoClient) -> None:
    campaign = await new_campaign(client)
    [code] = (await client.publish(campaign=campaign.name, customer="a")).codes
    redemption = await client.redeem(codes=[code, "NOSUCHCODE"], order=CART, mode="partial")
    assert [result.status for result in redemption.results] == [
        RedeemableStatus.REDEEMABLE_STATUS_APPLICABLE,
        RedeemableStatus.REDEEMABLE_STATUS_INAPPLICABLE,
    ]
    assert redemption.results[1].refusal.reason == Reason.CODE_NOT_FOUND


async def test_campaigns_are_listed_changed_switched_off_and_deleted(client: PromoClient) -> None:
    campaign = await new_campaign(client)
    assert await client.campaigns.get(campaign.name) == campaign
    assert campaign.id in [listed.id async for listed in client.campaigns.list(page_size=1)]

    changed = await client.campaigns.update(
        Campaign(id=campaign.id, description="for returning customers", etag=campaign.etag),
        ["description"],
    )
    assert changed.description == "for returning customers"
    with pytest.raises(exceptions.EtagMismatch):
        await client.campaigns.disable(campaign.id, etag=campaign.etag)

    [code] = (await client.publish(campaign=campaign.name, customer="a")).codes
    assert not (await client.campaigns.disable(campaign.id)).enabled
    with pytest.raises(exceptions.CampaignDisabled):
        await client.redeem(codes=[code], order=CART)
    assert (await client.campaigns.enable(campaign.id)).enabled
    assert (await redeemed_within_a_second(client, code)).id

    await client.campaigns.delete(campaign.id)
    with pytest.raises(exceptions.CampaignNotFound):
        await client.campaigns.get(campaign.id)
    with pytest.raises(exceptions.CodeNotFound):
        await client.redeem(codes=[code], order=CART)


async def redeemed_within_a_second(client: PromoClient, code: str) -> Redemption:
    """Redeem as soon as the engine has noticed that the campaign is on again, for which it has a second."""
    async with asyncio.timeout(1.0):
        while True:
            try:
                return await client.redeem(codes=[code], order=CART)
            except exceptions.CampaignDisabled:
                await asyncio.sleep(0.02)


async def test_a_batch_adds_codes_and_an_export_brings_all_of_them_in_the_same_order(server: ServerProcess) -> None:
    async with PromoClient.connect(server.target, key=KEY) as client:
        await add_and_export(client)


async def add_and_export(client: PromoClient) -> None:
    campaign = await new_campaign(client, code_count=100)
    batch = await client.codes.create_batch(campaign.name, 50_000)
    assert (batch.first_position, batch.code_count) == (100, 50_000)
    assert [listed.code_count async for listed in client.codes.list_batches(campaign.name)][-1] == 50_000

    pieces = [piece async for piece in client.codes.export(campaign.name)]
    codes = [code for piece in pieces for code in piece.codes]
    assert len(codes) == len(set(codes)) == 50_100
    assert pieces[-1].done_count == pieces[-1].total_count == 50_100
    rest = [piece async for piece in client.codes.export(campaign.name, resume_token=pieces[0].resume_token)]
    assert [code for piece in rest for code in piece.codes] == codes[pieces[0].done_count :]
    assert (await client.vouchers.get(codes[-1])).campaign_id == campaign.id


async def test_a_key_opens_its_project_until_it_is_revoked(connect: Connect, client: PromoClient) -> None:
    key = await client.access.create_key(["checkout"], name="till")
    assert key.id in [listed.id async for listed in client.access.list_keys()]
    campaign = await new_campaign(client)
    async with connect(f"{key.id}:{key.token}") as till:
        assert (await till.campaigns.get(campaign.name)).id == campaign.id
        with pytest.raises(exceptions.ScopeMissing) as caught:
            await till.publish(campaign=campaign.name, customer="a")
        assert caught.value.metadata["scope"] == "publications.write"
        await client.access.revoke_key(key.id)
        await until_refused(till, campaign.name)


async def until_refused(till: PromoClient, campaign: str) -> None:
    """Return once the key is refused; it must be within a second."""
    async with asyncio.timeout(1.0):
        while True:
            try:
                await till.campaigns.get(campaign)
            except exceptions.CredentialsInvalid:
                return
            await asyncio.sleep(0.02)


async def test_another_project_sees_nothing(connect: Connect, client: PromoClient) -> None:
    campaign = await new_campaign(client)
    [code] = (await client.publish(campaign=campaign.name, customer="a")).codes
    project = await client.access.create_project(f"tenant-{uuid.uuid4().hex}", time_zone="Europe/London")
    assert project.id in [listed.id async for listed in client.access.list_projects()]
    key = await client.access.create_key(["manager"], project_id=project.id)
    async with connect(f"{key.id}:{key.token}") as tenant:
        with pytest.raises(exceptions.CodeNotFound):
            await tenant.redeem(codes=[code], order=CART)
        with pytest.raises(exceptions.CampaignNotFound):
            await tenant.campaigns.get(campaign.id)
        assert [listed async for listed in tenant.campaigns.list()] == []


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (None, exceptions.CredentialsMissing),
        ("test:wrong", exceptions.CredentialsInvalid),
        ("nobody:0123456789abcdef0123456789abcdef", exceptions.CredentialsInvalid),
    ],
)
async def test_without_a_valid_key_nothing_is_answered(
    connect: Connect,
    key: str | None,
    kind: type[PromoError],
) -> None:
    async with connect(key) as stranger:
        with pytest.raises(kind):
            await stranger.validate(codes=["A"], order=CART)


async def test_every_wrong_field_is_named(client: PromoClient) -> None:
    with pytest.raises(exceptions.FieldInvalid) as caught:
        await client.redeem(codes=["A"], order=order("GBP", [item("mug", price=1, quantity=0)]))
    assert "order.items[0].quantity" in {violation.field for violation in caught.value.violations}


async def test_many_attempts_on_one_limit_succeed_exactly_as_often_as_it_allows(client: PromoClient) -> None:
    campaign = await new_campaign(client, limits=Limits(per_campaign=10))
    [code] = (await client.publish(campaign=campaign.name, customer="a")).codes

    async def attempt() -> bool:
        try:
            await client.redeem(codes=[code], order=CART)
        except exceptions.CampaignLimitReached:
            return False
        return True

    assert sum(await asyncio.gather(*(attempt() for _ in range(60)))) == 10


@pytest.mark.extended
async def test_a_restart_of_the_server_is_survived_by_retries(
    new_server: Callable[..., ServerProcess],
) -> None:
    own = new_server()
    async with PromoClient.connect(own.target, key=KEY) as client:
        campaign = await new_campaign(client)
        [code] = (await client.publish(campaign=campaign.name, customer="a")).codes
    own.stop()
    async with PromoClient.connect(own.target, key=KEY, timeout=60.0) as client:
        restarted = asyncio.to_thread(own.start)
        task = asyncio.create_task(restarted)
        redemption = await retried(client, code)
        await task
        assert (await client.redemptions.get(redemption.id)).id == redemption.id


async def retried(client: PromoClient, code: str) -> Redemption:
    """Redeem with one request id until a server is there, as a caller with a queue would."""
    request_id = uuid.uuid4().hex
    while True:
        try:
            return await client.redeem(codes=[code], order=CART, request_id=request_id)
        except exceptions.UnavailableError:
            await asyncio.sleep(0.1)
