"""Punchh, the adapter, a real engine and Braze together: what a guest gets, and how often."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from support.punchh_adapter import BRAZE_SECONDS, AdapterProcess, sample, until
from support.server_process import KEY, ServerProcess
from support.shop import new_campaign

from promo.client import Campaign, PromoClient
from promo_simulators.braze.app import BrazeSimulator
from promo_simulators.braze.faults import Fault
from promo_simulators.punchh.webhooks import WebhooksManager, event

pytestmark = pytest.mark.asyncio
Punchh = Callable[..., WebhooksManager]
NewAdapter = Callable[..., AdapterProcess]


def rule(campaign: Campaign, kind: str = "rewards", condition: str = 'campaign_name = "Birthday"') -> str:
    return f'[[publish]]\nevent = "{kind}"\n{condition}\ncampaign = "{campaign.name}"\n'


def guest(number: int, **changes: Any) -> dict[str, Any]:
    return {"user_id": number, "external_source_id": f"u-{number}", "email": f"g{number}@example.com", **changes}


def reward(number: int, user: dict[str, Any], **changes: Any) -> dict[str, Any]:
    payload = {"reward_id": number, "campaign_id": 4711, "campaign_name": "Birthday", "status": "unredeemed"}
    return {**payload, "user": user, **changes}


async def settled(adapter: AdapterProcess, *, outbox: bool = True) -> None:
    """Return when the adapter has nothing left to do."""

    def done() -> bool:
        states = adapter.states()
        left = states["inbox"]["pending"] + states["inbox"]["waiting"]
        return left + (states["outbox"]["pending"] if outbox else 0) == 0

    await until(done, "everything was worked off")


async def test_a_sign_up_and_its_gift_reach_engine_and_braze_once(
    client: PromoClient,
    server: ServerProcess,
    new_adapter: NewAdapter,
    punchh: Punchh,
    braze: Any,
) -> None:
    campaign = await new_campaign(client)
    # The role that the documentation names is enough.
    key = await client.access.create_key(["publisher"])
    adapter = new_adapter(braze.address, rule(campaign), PROMO_PUNCHH_ENGINE__KEY=f"{key.id}:{key.token}")
    manager = punchh(adapter)
    assert await manager.activate()
    signed_up = event("users", guest(18268, first_name="Ada", last_name="Byron", phone="5550100"))
    manager.send([signed_up], copies=3)
    await manager.settled()
    await settled(adapter)
    manager.send([event("rewards", reward(1, guest(18268)))], copies=3)
    await manager.settled()
    await settled(adapter)

    simulator: BrazeSimulator = braze.simulator
    assert simulator.profiles["u-18268"]["punchh_user_id"] == 18268
    [heard] = simulator.events_of("rewards")
    [publication] = await client.publications.held(campaign.name, "u-18268")
    assert heard["properties"]["promo_code"] == publication.codes[0]
    assert heard["properties"]["promo_campaign"] == campaign.name
    assert publication.channel == "punchh"
    assert await profile(server, "u-18268") == ("Ada Byron", "g18268@example.com", "5550100")


async def profile(server: ServerProcess, source_id: str) -> tuple[str, str, str]:
    """Return name, e-mail and telephone of a customer once the engine has archived them."""
    found: list[tuple[str, str, str]] = []

    def read() -> bool:
        with closing(sqlite3.connect(f"file:{server.state_dir}/promo.db?mode=ro", uri=True)) as connection:
            query = "SELECT name, email, phone FROM customers WHERE source_id = ?"
            found[:] = connection.execute(query, (source_id,)).fetchall()
        return bool(found)

    await until(read, f"the engine knows {source_id}")
    return found[0]


async def test_a_mass_offer_with_repeats_in_any_order_gives_each_guest_one_code_and_one_event(
    client: PromoClient,
    new_adapter: NewAdapter,
    punchh: Punchh,
    braze: Any,
) -> None:
    campaign = await new_campaign(client)
    adapter = new_adapter(braze.address, rule(campaign))
    manager = punchh(adapter)
    assert await manager.activate()
    numbers = range(1, 201)
    events = [event("users", guest(number)) for number in numbers]
    events += [event("rewards", {**reward(number, {}), "user_id": number, "user": None}) for number in numbers]
    manager.send(events, copies=2, shuffle=True)
    await manager.settled()
    await settled(adapter)

    heard = braze.simulator.events_of("rewards")
    assert Counter(one["external_id"] for one in heard) == Counter(f"u-{number}" for number in numbers)
    codes = {one["external_id"]: one["properties"]["promo_code"] for one in heard}
    assert len(set(codes.values())) == len(numbers)
    assert (await client.publications.count_codes(campaign.name)).published_count == len(numbers)
    sizes = [
        sum(len(request.body.get(name, [])) for name in ("attributes", "events"))
        for request in braze.simulator.requests
    ]
    assert max(sizes) <= 75


async def test_a_recurring_offer_gives_a_code_each_time_and_is_found_by_its_name(
    client: PromoClient,
    new_adapter: NewAdapter,
    punchh: Punchh,
    braze: Any,
) -> None:
    campaign = await new_campaign(client)
    adapter = new_adapter(braze.address, rule(campaign))
    manager = punchh(adapter)
    assert await manager.activate()
    for run in range(3):
        manager.send([event("rewards", reward(100 + run, guest(5), campaign_id=9000 + run))])
        await manager.settled()
    await settled(adapter)
    assert len(await client.publications.held(campaign.name, "u-5")) == 3
    assert len({one["properties"]["promo_code"] for one in braze.simulator.events_of("rewards")}) == 3


async def test_a_coupon_brings_a_code_of_its_campaign(
    client: PromoClient,
    new_adapter: NewAdapter,
    punchh: Punchh,
    braze: Any,
) -> None:
    campaign = await new_campaign(client)
    adapter = new_adapter(braze.address, rule(campaign, "coupons", "campaign_id = 512"))
    manager = punchh(adapter)
    assert await manager.activate()
    manager.send([event("coupons", sample("coupons")["payload"])])
    await manager.settled()
    await settled(adapter)
    [publication] = await client.publications.held(campaign.name, "u-1")
    [heard] = braze.simulator.events_of("coupons")
    assert heard["properties"]["promo_code"] == publication.codes[0]
    assert braze.simulator.requests[-1].body["partner"] == "punchh"


async def test_a_checkin_that_is_not_approved_gives_nothing_and_braze_can_tell(
    new_adapter: NewAdapter,
    punchh: Punchh,
    braze: Any,
) -> None:
    adapter = new_adapter(braze.address)
    manager = punchh(adapter)
    assert await manager.activate()
    checkin = sample("checkins_loyalty")["payload"]
    for approved in (True, False):
        manager.send([event("checkins", {**checkin, "approved": approved}, event_type="loyalty")])
    manager.send([event("checkins", sample("checkins_gift")["payload"], event_type="gift")])
    await manager.settled()
    await settled(adapter)
    approvals = [one["properties"]["approved"] for one in braze.simulator.events_of("checkins_loyalty")]
    assert sorted(approvals) == [False, True]
    assert len(braze.simulator.events_of("checkins_gift")) == 1


async def test_a_guest_without_an_external_id_is_not_passed_on(
    client: PromoClient,
    new_adapter: NewAdapter,
    punchh: Punchh,
    braze: Any,
) -> None:
    campaign = await new_campaign(client)
    adapter = new_adapter(braze.address, rule(campaign))
    manager = punchh(adapter)
    assert await manager.activate()
    manager.send([event("users", {"user_id": 7, "email": "x@example.com"})])
    await manager.settled()
    await settled(adapter)
    manager.send([event("rewards", reward(1, {"user_id": 7})), event("rewards", reward(2, {}))])
    await manager.settled()
    await settled(adapter)
    assert braze.simulator.requests == []
    assert (await client.publications.count_codes(campaign.name)).published_count == 0


@pytest.mark.extended
async def test_an_event_waits_for_the_guest_and_no_longer_than_it_may(
    new_adapter: NewAdapter,
    punchh: Punchh,
    braze: Any,
) -> None:
    adapter = new_adapter(braze.address, PROMO_PUNCHH_PROCESSING__GUEST_WAIT_SECONDS="3")
    manager = punchh(adapter)
    assert await manager.activate()
    manager.send([event("redemptions", {**sample("redemptions")["payload"], "user_id": user}) for user in (1, 2)])
    await manager.settled()
    await until(lambda: adapter.states()["inbox"]["waiting"] == 2, "both wait")
    assert braze.simulator.requests == []
    manager.send([event("users", guest(1))])
    await manager.settled()
    await until(lambda: len(braze.simulator.events_of("redemptions")) == 1, "the guest is known")
    await settled(adapter)
    assert [one["external_id"] for one in braze.simulator.events_of("redemptions")] == ["u-1"]
    [dead] = adapter.document("dead-letters")
    assert dead["why"] == "the guest's external id did not arrive"
    manager.send([event("users", guest(2))])
    await manager.settled()
    await settled(adapter)
    assert (await asyncio.to_thread(adapter.command, "replay", "inbox", dead["key"])).returncode == 0
    await until(lambda: len(braze.simulator.events_of("redemptions")) == 2, "the other guest is known")


async def test_an_older_profile_that_comes_late_changes_nothing(
    server: ServerProcess,
    new_adapter: NewAdapter,
    punchh: Punchh,
    braze: Any,
) -> None:
    adapter = new_adapter(braze.address)
    manager = punchh(adapter)
    assert await manager.activate()
    profiles = [
        event("users", guest(77_000_001, first_name=f"n{number}"), timestamp=1_700_000_000_000 + number)
        for number in range(20)
    ]
    manager.send([profiles[-1]])
    await manager.settled()
    await settled(adapter)
    manager.send(profiles[:-1], shuffle=True)
    await manager.settled()
    await settled(adapter)
    assert braze.simulator.profiles["u-77000001"]["first_name"] == "n19"
    assert (await profile(server, "u-77000001"))[0] == "n19"


async def test_redemptions_are_listed_with_their_newest_state(
    new_adapter: NewAdapter,
    punchh: Punchh,
    braze: Any,
) -> None:
    adapter = new_adapter(braze.address)
    manager = punchh(adapter)
    assert await manager.activate()
    payload = sample("user_coupon_redemptions")["payload"]
    manager.send([event("user_coupon_redemptions", {**payload, "status": "voided"}, timestamp=1_700_000_000_002)])
    manager.send([event("user_coupon_redemptions", payload, timestamp=1_700_000_000_001)])
    await manager.settled()
    await settled(adapter)
    [found] = adapter.document("redemptions")
    assert (found["kind"], found["id"], found["status"], found["external_id"]) == ("coupon", 3301, "voided", "u-1")


async def test_braze_in_trouble_hears_everything_once_when_it_is_back(
    client: PromoClient,
    new_adapter: NewAdapter,
    punchh: Punchh,
    braze: Any,
) -> None:
    campaign = await new_campaign(client)
    adapter = new_adapter(braze.address, rule(campaign))
    braze.simulator.inject(
        Fault("throttle", seconds=1),
        Fault("status", 500),
        Fault("silence", seconds=BRAZE_SECONDS + 0.5),
        Fault("status", 503),
        Fault("reset"),
        Fault("queued"),
    )
    manager = punchh(adapter)
    assert await manager.activate()
    manager.send([event("rewards", reward(number, guest(number))) for number in range(1, 121)], copies=2, shuffle=True)
    await manager.settled()
    await settled(adapter)
    heard = Counter(one["external_id"] for one in braze.simulator.events_of("rewards"))
    assert heard == Counter(f"u-{number}" for number in range(1, 121))
    assert (await client.publications.count_codes(campaign.name)).published_count == 120


async def test_what_the_engine_refuses_is_kept_and_replayed_after_a_correction(
    client: PromoClient,
    new_adapter: NewAdapter,
    punchh: Punchh,
    braze: Any,
) -> None:
    campaign = await new_campaign(client, code_count=1)
    adapter = new_adapter(braze.address, rule(campaign))
    manager = punchh(adapter)
    assert await manager.activate()
    manager.send([event("rewards", reward(number, guest(number))) for number in (1, 2)])
    await manager.settled()
    await until(lambda: adapter.states()["inbox"]["dead"] == 1, "one code for two")
    [dead] = adapter.document("dead-letters")
    assert "CODES_EXHAUSTED" in dead["why"]
    await until(lambda: len(braze.simulator.events_of("rewards")) == 1, "the first guest was told")
    await client.codes.create_batch(campaign.name, 10)
    replayed = await asyncio.to_thread(adapter.command, "replay", "inbox", dead["key"])
    assert replayed.stdout == "1 will be tried again\n", replayed.stderr
    await until(lambda: len(braze.simulator.events_of("rewards")) == 2, "the second guest was told")
    assert (await client.publications.count_codes(campaign.name)).published_count == 2


async def test_an_engine_that_is_away_loses_nothing(
    new_server: Callable[..., Any],
    new_adapter: NewAdapter,
    punchh: Punchh,
    braze: Any,
) -> None:
    server = new_server()
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        campaign = await new_campaign(client)
    adapter = new_adapter(braze.address, rule(campaign), server.target)
    manager = punchh(adapter)
    assert await manager.activate()
    await asyncio.to_thread(server.stop)
    manager.send([event("rewards", reward(number, guest(number))) for number in range(1, 31)])
    await manager.settled()
    assert all(delivery.accepted for delivery in manager.deliveries)
    await asyncio.sleep(0.5)
    await asyncio.to_thread(server.start)
    await settled(adapter)
    assert len(braze.simulator.events_of("rewards")) == 30
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        assert (await client.publications.count_codes(campaign.name)).published_count == 30


@pytest.mark.extended
async def test_an_engine_that_is_away_for_longer_than_events_wait_for_their_guest_loses_nothing(
    new_server: Callable[..., Any],
    new_adapter: NewAdapter,
    punchh: Punchh,
    braze: Any,
) -> None:
    server = new_server()
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        campaign = await new_campaign(client)
    adapter = new_adapter(braze.address, rule(campaign), server.target, PROMO_PUNCHH_PROCESSING__GUEST_WAIT_SECONDS="1")
    manager = punchh(adapter)
    assert await manager.activate()
    await asyncio.to_thread(server.stop)
    manager.send([event("users", guest(number)) for number in range(1, 6)])
    manager.send([event("rewards", reward(number, {"user_id": number})) for number in range(1, 6)])
    await manager.settled()
    await asyncio.sleep(2)
    await asyncio.to_thread(server.start)
    await settled(adapter)
    heard = braze.simulator.events_of("rewards")
    assert Counter(one["external_id"] for one in heard) == Counter(f"u-{number}" for number in range(1, 6))
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        assert (await client.publications.count_codes(campaign.name)).published_count == 5
