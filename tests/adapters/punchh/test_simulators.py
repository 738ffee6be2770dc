"""The simulated vendors behave as the vendors document it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from promo_simulators.braze.app import BrazeOptions, BrazeSimulator
from promo_simulators.braze.rules import BatchLimit
from promo_simulators.punchh.app import PunchhSimulator
from promo_simulators.punchh.webhooks import (
    FAILED_WAITS,
    THROTTLED_WAITS,
    Standing,
    Subscription,
    WebhooksManager,
    event,
)
from promo_simulators.serving import running

pytestmark = pytest.mark.asyncio
SPEED = 10_000.0


class Receiver:
    """Answers GET with 200 and each POST with the next of some statuses, then with 202."""

    def __init__(self, statuses: Iterator[int] | list[int]) -> None:
        self.statuses = iter(statuses)
        self.alive = True
        self.bodies: list[bytes] = []
        self.times: list[float] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        status = 200 if self.alive else 503
        if scope["method"] == "POST":
            self.bodies.append(body)
            self.times.append(time.monotonic())
            status = next(self.statuses, 202)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def manager(receiver: Receiver, speed: float = SPEED) -> AsyncIterator[WebhooksManager]:
    async with (
        running(receiver) as address,
        WebhooksManager(Subscription(f"{address}/hook", speed=speed), seed=1) as made,
    ):
        yield made


@pytest.mark.parametrize(
    ("statuses", "attempts"),
    [
        ([200], 1),
        ([201, 202], 1),
        ([302, 202], 1),
        ([404, 202], 1),
        ([429, 408, 202], 3),
        ([429] * 9, 1 + len(THROTTLED_WAITS)),
        ([500, 503, 202], 3),
        ([500] * 20, 1 + len(FAILED_WAITS)),
        ([500, 429, 429, 202], 4),
    ],
    ids=str,
)
async def test_a_delivery_is_repeated_as_documented(statuses: list[int], attempts: int) -> None:
    receiver = Receiver(statuses)
    async with manager(receiver) as webhooks:
        assert await webhooks.activate()
        [delivery] = webhooks.send([event("users", {"user_id": 1})])
        await webhooks.settled()
        assert delivery.statuses == [*statuses, 202][:attempts]
        assert len(set(receiver.bodies)) == 1


async def test_waits_between_attempts_grow_as_documented() -> None:
    receiver = Receiver([500] * 3)
    async with manager(receiver, speed=300) as webhooks:
        assert await webhooks.activate()
        webhooks.send([event("users", {"user_id": 1})])
        await webhooks.settled()
        gaps = [after - before for before, after in zip(receiver.times, receiver.times[1:], strict=False)]
        assert all(gap >= wait / 300 for gap, wait in zip(gaps, FAILED_WAITS, strict=False))


async def test_nothing_is_delivered_before_the_receiver_was_checked() -> None:
    receiver = Receiver([])
    async with manager(receiver) as webhooks:
        [delivery] = webhooks.send([event("users", {"user_id": 1})])
        await asyncio.sleep(0.1)
        assert receiver.bodies == []
        assert await webhooks.activate()
        await webhooks.settled()
        assert delivery.accepted


@pytest.mark.extended
async def test_a_receiver_that_keeps_failing_is_suspended_and_comes_back_when_it_answers() -> None:
    receiver = Receiver([500] * 1_100)
    async with manager(receiver, speed=3_000_000) as webhooks:
        assert await webhooks.activate()
        receiver.alive = False
        webhooks.subscription = Subscription(webhooks.subscription.url, speed=2_000)
        webhooks.send([event("users", {"user_id": number}) for number in range(1_002)])
        while webhooks.standing is Standing.ACTIVE:
            await asyncio.sleep(0.01)
        assert webhooks.standing is Standing.SUSPENDED
        receiver.alive = True
        while webhooks.standing is Standing.SUSPENDED:
            await asyncio.sleep(0.01)
        assert webhooks.standing is Standing.ACTIVE


async def test_copies_and_order_are_those_of_the_seed() -> None:
    orders = []
    for _ in range(2):
        receiver = Receiver([])
        async with running(receiver) as address:
            subscription = Subscription(f"{address}/hook", speed=SPEED, at_once=1)
            async with WebhooksManager(subscription, seed=3) as webhooks:
                assert await webhooks.activate()
                batch = webhooks.send(
                    [event("users", {"user_id": n}, content_id=str(n)) for n in range(9)],
                    copies=2,
                    shuffle=True,
                )
                await webhooks.settled()
                assert len(receiver.bodies) == 18
                orders.append([one.content_id for one in batch])
    assert orders[0] == orders[1] != sorted(orders[0])


async def test_punchh_is_told_over_http_what_to_send() -> None:
    receiver = Receiver([])
    async with (
        manager(receiver) as webhooks,
        running(PunchhSimulator(webhooks)) as address,
        httpx2.AsyncClient() as http,
    ):
        assert (await http.post(f"{address}/_simulator/activate")).json() == {"standing": "active"}
        sent = await http.post(
            f"{address}/_simulator/events",
            json={"copies": 2, "events": [{"event_name": "users", "payload": {"user_id": 1}}]},
        )
        assert sent.status_code == 202
        await webhooks.settled()
        state = (await http.get(f"{address}/_simulator/state")).json()
        assert [one["accepted"] for one in state["deliveries"]] == [True, True]
        assert (await http.post(f"{address}/_simulator/events", json={"events": [{}]})).status_code == 400


def tracked(count: int, array: str = "attributes") -> dict[str, Any]:
    return {array: [{"external_id": f"u-{n}", "points": n} for n in range(count)]}


@asynccontextmanager
async def braze(options: BrazeOptions | None = None) -> AsyncIterator[tuple[BrazeSimulator, httpx2.AsyncClient]]:
    simulator = BrazeSimulator(options)
    headers = {"authorization": "Bearer braze-key"}
    async with running(simulator) as address, httpx2.AsyncClient(base_url=address, headers=headers) as http:
        yield simulator, http


@pytest.mark.parametrize(
    ("limit", "attributes", "purchases", "status"),
    [
        (BatchLimit(), 75, 0, 201),
        (BatchLimit(), 75, 1, 400),
        (BatchLimit(), 40, 35, 201),
        (BatchLimit(50), 51, 0, 400),
        (BatchLimit(75, per_array=True), 75, 75, 201),
        (BatchLimit(75, per_array=True), 76, 0, 400),
    ],
)
async def test_braze_takes_as_many_objects_as_the_contract_says(
    limit: BatchLimit,
    attributes: int,
    purchases: int,
    status: int,
) -> None:
    async with braze(BrazeOptions(batch=limit)) as (_, http):
        answer = await http.post("/users/track", json={**tracked(attributes), **tracked(purchases, "purchases")})
        assert answer.status_code == status
        assert answer.json()["message"] == ("success" if status == 201 else "Max Input Length Exceeded")


async def test_braze_limits_the_rate_and_says_when_it_ends() -> None:
    async with braze(BrazeOptions(rate_requests=3, rate_seconds=30)) as (_, http):
        answers = [await http.post("/users/track", json=tracked(1)) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [201, 201, 201, 429, 429]
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0", "0"]
        assert time.time() < int(answers[-1].headers["x-ratelimit-reset"]) <= time.time() + 31
        assert "retry-after" not in answers[-1].headers


async def test_braze_names_the_objects_that_it_does_not_take() -> None:
    events = [
        {"external_id": "u-1", "name": "rewards", "time": "2021-08-16T15:23:08Z"},
        {"name": "rewards", "time": "2021-08-16T15:23:08Z"},
        {"external_id": "u-1", "name": "rewards", "time": "yesterday"},
        {"external_id": "u-1", "name": "rewards", "time": "2021-08-16T15:23:08Z", "properties": {"a": "x" * 256}},
    ]
    async with braze() as (simulator, http):
        answer = (await http.post("/users/track", json={"events": events})).json()
        assert (answer["message"], answer["events_processed"]) == ("success", 1)
        assert [error["index"] for error in answer["errors"]] == [1, 2, 3]
        assert len(simulator.events) == 1


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"[]", 400), (b"{}", 400), (b"x" * (4 * 1024 * 1024 + 1), 413)]
)
async def test_braze_refuses_what_is_no_request(body: bytes, status: int) -> None:
    async with braze() as (simulator, http):
        assert (await http.post("/users/track", content=body)).status_code == status
        assert simulator.profiles == {}


async def test_braze_keeps_an_event_that_is_sent_twice_twice() -> None:
    one = {"events": [{"external_id": "u-1", "name": "rewards", "time": "2021-08-16T15:23:08Z"}]}
    async with braze() as (simulator, http):
        for _ in range(2):
            await http.post("/users/track", json=one)
        assert len(simulator.events_of("rewards")) == 2


async def test_braze_knows_its_key() -> None:
    async with braze() as (_, http):
        answer = await http.post("/users/track", json=tracked(1), headers={"authorization": "Bearer other"})
        assert answer.status_code == 401


async def test_braze_is_told_over_http_to_misbehave() -> None:
    async with braze() as (_, http):
        await http.post("/_simulator/faults", json=[{"kind": "throttle", "times": 2}, {"kind": "queued"}])
        statuses = [(await http.post("/users/track", json=tracked(1))).status_code for _ in range(4)]
        assert statuses == [429, 429, 202, 201]
        assert (await http.post("/_simulator/faults", json=[{"kind": "tea"}])).status_code == 400
        assert len((await http.get("/_simulator/state")).json()["requests"]) == 4
        await http.delete("/_simulator/state")
        assert (await http.get("/_simulator/state")).json() == {"profiles": {}, "events": [], "requests": []}
