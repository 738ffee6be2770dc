"""What was defined is in force for the very next call; keys, projects and guessers are kept apart."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from support.server_process import KEY, ServerProcess
from support.shop import CART, OK, codes_of, ending, new_campaign, race
from support.truth import account_of, store_of

from promo.client import Campaign, Limits, PromoClient, Reason, amount_off, exceptions, validity
from promo.v1.project_pb2 import ApiKey

pytestmark = [pytest.mark.asyncio, pytest.mark.each_database]


@pytest_asyncio.fixture
async def tenant(server: ServerProcess, client: PromoClient) -> AsyncIterator[PromoClient]:
    """Yield a manager of another project."""
    project = await client.access.create_project(f"tenant-{uuid.uuid4().hex}")
    key = await client.access.create_key(["manager", "checkout", "publisher"], project_id=project.id)
    async with connect(server, key) as connected:
        yield connected


def connect(server: ServerProcess, key: ApiKey) -> PromoClient:
    return PromoClient.connect(server.target, key=f"{key.id}:{key.token}", timeout=30.0)


async def test_a_disabled_campaign_refuses_the_very_next_call(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client)
    codes = await codes_of(client, campaign, 40)
    for code in codes[:20]:
        await client.redeem(codes=[code], order=CART)
        await client.campaigns.disable(campaign.id)
        validation = await client.validate(codes=[code], order=CART)
        assert validation.results[0].refusal.reason == Reason.CAMPAIGN_DISABLED
        assert await race([client.redeem(codes=[code], order=CART)]) == {"CAMPAIGN_DISABLED": 1}
        assert await race([client.redeem(codes=[code], order=CART, validate_only=True)]) == {"CAMPAIGN_DISABLED": 1}
        await client.campaigns.enable(campaign.id)
        assert (await client.validate(codes=[code], order=CART)).valid
    assert account_of(server, campaign).uses == 20


async def test_a_campaign_that_was_enabled_serves_the_very_next_call(client: PromoClient) -> None:
    campaign, other = await new_campaign(client), await new_campaign(client)
    [code], [also] = await codes_of(client, campaign), await codes_of(client, other)
    for _ in range(20):
        await client.campaigns.disable(campaign.id)
        await ending(client.redeem(codes=[code], order=CART))
        await client.campaigns.enable(campaign.id)
        assert await race([client.redeem(codes=[code], order=CART)]) == {OK: 1}
        await client.campaigns.disable(campaign.id)
        await ending(client.redeem(codes=[code], order=CART))
        await client.campaigns.enable(campaign.id)
        partly = await client.redeem(codes=[code, also], order=CART, mode="partial")
        assert all(result.redemption_id for result in partly.results)


async def test_a_campaign_disabled_under_load_takes_nothing_more(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client)
    [code] = await codes_of(client, campaign)
    begun_after: list[str] = []
    disabled_at = float("inf")

    async def redeem_for_a_while() -> None:
        while time.monotonic() < disabled_at + 0.2:
            begun = time.monotonic()
            how = await ending(client.redeem(codes=[code], order=CART))
            if begun > disabled_at:
                begun_after.append(how)

    async def disable() -> None:
        nonlocal disabled_at
        await asyncio.sleep(0.2)
        await client.campaigns.disable(campaign.id)
        disabled_at = time.monotonic()

    await asyncio.gather(disable(), *(redeem_for_a_while() for _ in range(16)))
    assert set(begun_after) == {"CAMPAIGN_DISABLED"}
    assert account_of(server, campaign).uses > 0


async def test_a_changed_definition_is_in_force_for_the_very_next_call(client: PromoClient) -> None:
    campaign = await new_campaign(client, validity=validity(start=datetime.now(UTC) + timedelta(days=1)))
    [code] = await codes_of(client, campaign)
    assert await race([client.redeem(codes=[code], order=CART)]) == {"PROMOTION_NOT_STARTED": 1}
    await client.campaigns.update(Campaign(id=campaign.id), ["validity"])
    assert (await client.redeem(codes=[code], order=CART)).order.total_discount_amount == 5_00
    for pennies in range(1, 20):
        await client.campaigns.update(Campaign(id=campaign.id, discount=amount_off(pennies)), ["discount"])
        if pennies % 2:
            assert (await client.redeem(codes=[code], order=CART)).order.total_discount_amount == pennies
        else:
            assert (await client.validate(codes=[code], order=CART)).order.total_discount_amount == pennies


async def test_a_new_campaign_and_new_codes_can_be_used_at_once(client: PromoClient) -> None:
    for _ in range(5):
        campaign = await new_campaign(client, code_count=10)
        publication = await client.publish(campaign=campaign.name, customer="a", count=10)
        await client.redeem(codes=publication.codes[:1], order=CART)
        await client.codes.create_batch(campaign.name, 5)
        more = await client.publish(campaign=campaign.name, customer="a", count=5)
        await client.redeem(codes=more.codes[-1:], order=CART)


async def test_a_revoked_key_is_refused_within_a_second_whatever_it_asks_for(
    server: ServerProcess, client: PromoClient
) -> None:
    """Unknown codes make the engine look at the definitions, which must not hide from it that a key has ended."""
    campaign = await new_campaign(client)
    [code] = await codes_of(client, campaign)
    for _ in range(3):
        key = await client.access.create_key(["checkout"])
        async with connect(server, key) as till:

            async def ask(n: int, till: PromoClient = till) -> str:
                unknown = f"NOSUCH{n}"
                return await ending(till.redeem(codes=[unknown if n % 3 else code], order=CART, customer=f"c{n}"))

            assert await ask(0) == OK
            await client.access.revoke_key(key.id)
            revoked = time.monotonic()
            n = 0
            while time.monotonic() < revoked + 1.0 and await ask(n) != "CREDENTIALS_INVALID":
                n += 1
                await asyncio.sleep(0.005)
            assert [await ask(n) for n in range(3)] == ["CREDENTIALS_INVALID"] * 3


async def test_nothing_of_a_project_is_visible_in_another(
    server: ServerProcess, client: PromoClient, tenant: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_code=2))
    publication = await client.publish(campaign=campaign.name, customer="a", source_id="mail-1")
    [code] = publication.codes
    redemption = await client.redeem(codes=[code], order=CART, customer="a")
    held = await client.validate(codes=[code], order=CART, session=timedelta(minutes=5))
    key = held.session.key
    asked = {
        "redeem": tenant.redeem(codes=[code], order=CART),
        "redeem with hold": tenant.redeem(codes=[code], order=CART, session_key=key),
        "voucher": tenant.vouchers.get(code),
        "redemption": tenant.redemptions.get(redemption.id),
        "rollback": tenant.rollback(redemption.id),
        "session": tenant.sessions.get(key),
        "release": tenant.sessions.release(key),
        "publication": tenant.publications.get(publication.id),
        "publish": tenant.publish(campaign=campaign.id, customer="a"),
        "publish by name": tenant.publish(campaign=campaign.name, customer="a", source_id="mail-1"),
        "count": tenant.publications.count_codes(campaign.id),
        "held": tenant.publications.held(campaign.id, "a"),
        "campaign": tenant.campaigns.get(campaign.id),
        "disable": tenant.campaigns.disable(campaign.id),
        "delete": tenant.campaigns.delete(campaign.name),
        "export": anext(tenant.codes.export(campaign.name)),
        "batch": tenant.codes.create_batch(campaign.name, 1),
    }
    endings = {name: await ending(call) for name, call in asked.items()}
    assert all(how.endswith("_NOT_FOUND") for how in endings.values()), endings
    assert not (await tenant.validate(codes=[code], order=CART)).valid
    with pytest.raises(exceptions.PermissionDeniedError):
        await tenant.access.create_key(["admin"], project_id=str(server.ready["project_id"]))
    await client.sessions.release(key)
    assert account_of(server, campaign).uses == 1


async def test_projects_share_neither_names_nor_request_ids_nor_customers(
    client: PromoClient, tenant: PromoClient
) -> None:
    name, request_id = f"same-{uuid.uuid4().hex}", uuid.uuid4().hex
    for project in (client, tenant):
        campaign = await new_campaign(project, Limits(per_customer=1), name=name)
        [code] = (await project.publish(campaign=name, customer="a", source_id="m", request_id=request_id)).codes
        await project.redeem(codes=[code], order=CART, customer="a", request_id=request_id)
        assert campaign.name == name


async def test_a_day_is_one_of_the_projects_time_zone(server: ServerProcess, client: PromoClient) -> None:
    """In these two zones, 25 hours apart, it is never the same day."""
    days = set()
    for zone in ("Pacific/Kiritimati", "Pacific/Niue"):
        project = await client.access.create_project(f"zone-{uuid.uuid4().hex}", time_zone=zone)
        key = await client.access.create_key(["manager", "checkout", "publisher"], project_id=project.id)
        async with connect(server, key) as tenant:
            campaign = await new_campaign(tenant, Limits(per_day=1))
            codes = await codes_of(tenant, campaign, 5)
            assert (await race(tenant.redeem(codes=[code], order=CART) for code in codes))[OK] in {1, 2}
        with store_of(server) as store:
            days |= {name.rpartition(b":")[2] for name in store.keys(f"{{{project.id}:*}}n:*")}
    assert len(days) >= 2


@pytest.mark.parametrize(
    ("roles", "allowed"),
    [
        (["checkout"], {"validate", "hold", "redeem", "rollback"}),
        (["publisher"], {"publish"}),
        (["viewer"], set[str]()),
    ],
)
async def test_a_role_opens_what_it_is_for(
    server: ServerProcess, client: PromoClient, roles: list[str], allowed: set[str]
) -> None:
    campaign = await new_campaign(client)
    [code] = await codes_of(client, campaign)
    redemption = await client.redeem(codes=[code], order=CART)
    key = await client.access.create_key(roles)  # type: ignore[arg-type]
    async with connect(server, key) as till:
        calls = {
            "validate": till.validate(codes=[code], order=CART),
            "hold": till.validate(codes=[code], order=CART, session=timedelta(minutes=5)),
            "redeem": till.redeem(codes=[code], order=CART),
            "rollback": till.rollback(redemption.id),
            "publish": till.publish(campaign=campaign.name, customer="a"),
            "create": new_campaign(till),
            "disable": till.campaigns.disable(campaign.id),
            "export": anext(till.codes.export(campaign.name)),
            "key": till.access.create_key(["viewer"]),
            "project": till.access.create_project(f"p-{uuid.uuid4().hex}"),
        }
        endings = {name: await ending(call) for name, call in calls.items()}
    refused = {name for name, how in endings.items() if how == "SCOPE_MISSING"}
    # A viewer may price an order; that changes nothing.
    assert refused | {"validate"} == (calls.keys() - allowed) | {"validate"}, endings
    assert all(endings[name] == OK for name in allowed), endings


async def test_who_guesses_codes_is_stopped_and_others_are_not(new_server: Callable[..., ServerProcess]) -> None:
    server = new_server(PROMO_LIMITS__UNKNOWN_CODES="10", PROMO_LIMITS__UNKNOWN_CODES_WINDOW_SECONDS="3600")
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        campaign = await new_campaign(client)
        [code] = await codes_of(client, campaign)
        guesses = [await ending(client.redeem(codes=[f"GUESS{n}"], order=CART, customer="x")) for n in range(15)]
        assert guesses == ["CODE_NOT_FOUND"] * 10 + ["CODE_GUESSING"] * 5
        for call in (
            client.redeem(codes=[code], order=CART, customer="x"),
            client.validate(codes=["GUESS"], order=CART, customer="x"),
        ):
            assert await ending(call) == "CODE_GUESSING"
        # What exists is no guess, however often it is refused.
        for _ in range(20):
            await client.redeem(codes=[code], order=CART, customer="y")
        with pytest.raises(exceptions.CodeGuessing) as caught:
            await client.redeem(codes=[code], order=CART, customer="x")
        assert caught.value.retry_after
        assert caught.value.retry_after <= 3600
        await client.redeem(codes=[code], order=CART, customer="z")
