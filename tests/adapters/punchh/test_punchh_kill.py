"""The adapter is killed at any instant: nothing acknowledged is lost, nothing is handed out twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from support.punchh_adapter import AdapterProcess, until
from support.server_process import KEY, ServerProcess
from support.shop import new_campaign

from promo.client import PromoClient
from promo_simulators.braze.faults import Fault
from promo_simulators.punchh.webhooks import WebhooksManager, event

pytestmark = pytest.mark.asyncio
Punchh = Callable[..., WebhooksManager]
NewAdapter = Callable[..., AdapterProcess]


def rewards(count: int) -> list[dict[str, Any]]:
    return [
        event(
            "rewards",
            {
                "reward_id": number,
                "campaign_name": "Birthday",
                "user": {"user_id": number, "external_source_id": f"u-{number}"},
            },
        )
        for number in range(1, count + 1)
    ]


@pytest.mark.extended
async def test_what_was_stored_before_the_kill_is_worked_off_after_it(
    new_server: Callable[..., ServerProcess],
    new_adapter: NewAdapter,
    punchh: Punchh,
    braze: Any,
) -> None:
    server = new_server()
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        campaign = await new_campaign(client)
        lines = f'[[publish]]\nevent = "rewards"\ncampaign_name = "Birthday"\ncampaign = "{campaign.name}"\n'
    adapter = new_adapter(braze.address, lines, server.target)
    manager = punchh(adapter)
    assert await manager.activate()
    # The engine is away, so that everything is stored and nothing is worked off.
    await asyncio.to_thread(server.stop)
    manager.send(rewards(40))
    await manager.settled()
    assert {delivery.statuses[-1] for delivery in manager.deliveries} == {202}
    adapter.kill()
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(adapter.start)
    await until(lambda: len(braze.simulator.events_of("rewards")) == 40, "all events at Braze")
    heard = Counter(one["external_id"] for one in braze.simulator.events_of("rewards"))
    assert heard == Counter(f"u-{number}" for number in range(1, 41))
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        assert (await client.publications.count_codes(campaign.name)).published_count == 40


async def test_kills_at_any_instant_lose_nothing_and_hand_out_no_second_code(
    client: PromoClient,
    new_adapter: NewAdapter,
    punchh: Punchh,
    braze: Any,
) -> None:
    campaign = await new_campaign(client)
    lines = f'[[publish]]\nevent = "rewards"\ncampaign_name = "Birthday"\ncampaign = "{campaign.name}"\n'
    adapter = new_adapter(braze.address, lines)
    manager = punchh(adapter)
    assert await manager.activate()
    events = rewards(300)
    for kills in range(4):
        # Punchh repeats what it got no answer to, and sends some events again besides.
        manager.send(events[kills * 75 : (kills + 1) * 75], copies=2, shuffle=True)
        await asyncio.sleep(0.05 + 0.07 * kills)
        adapter.kill()
        await asyncio.to_thread(adapter.start)
    await manager.settled()
    assert all(delivery.accepted for delivery in manager.deliveries)

    def done() -> bool:
        states = adapter.states()
        return states["inbox"]["done"] == 300 and states["outbox"]["done"] == 300

    await until(done, "everything was worked off")
    assert (await client.publications.count_codes(campaign.name)).published_count == 300
    for number in (1, 100, 300):
        assert len(await client.publications.held(campaign.name, f"u-{number}")) == 1
    codes: dict[str, set[str]] = {}
    for one in braze.simulator.events_of("rewards"):
        codes.setdefault(one["external_id"], set()).add(one["properties"]["promo_code"])
    assert codes.keys() == {f"u-{number}" for number in range(1, 301)}
    # Braze knows no idempotency: an event whose answer died with the adapter may be there twice, with the same code.
    assert {len(of_guest) for of_guest in codes.values()} == {1}


async def test_an_acknowledged_event_is_not_sent_again_after_a_restart(
    new_adapter: NewAdapter,
    punchh: Punchh,
    braze: Any,
) -> None:
    adapter = new_adapter(braze.address)
    manager = punchh(adapter)
    assert await manager.activate()
    manager.send(rewards(20))
    await manager.settled()
    await until(lambda: adapter.states()["outbox"]["done"] == 20, "all acknowledged")
    for end in (adapter.kill, adapter.stop):
        await asyncio.to_thread(end)
        await asyncio.to_thread(adapter.start)
        manager.send([event("redeemables", {"redeemable_id": 1})])
        await manager.settled()
    await asyncio.sleep(0.3)
    assert len(braze.simulator.events_of("rewards")) == 20


async def test_a_stop_waits_for_the_answer_of_braze(new_adapter: NewAdapter, punchh: Punchh, braze: Any) -> None:
    adapter = new_adapter(braze.address)
    braze.simulator.inject(Fault("silence", seconds=0.6, takes=False), Fault("queued"))
    manager = punchh(adapter)
    assert await manager.activate()
    manager.send(rewards(5))
    await manager.settled()
    await until(lambda: adapter.states()["outbox"]["pending"] == 5, "the outbox is filled")
    assert await asyncio.to_thread(adapter.stop) == 0
    await asyncio.to_thread(adapter.start)
    await until(lambda: adapter.states()["outbox"]["done"] == 5, "all acknowledged")
    assert len(braze.simulator.events_of("rewards")) == 5
