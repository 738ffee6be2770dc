"""The outbox in front of a Braze that answers 429, 5xx, partly, late or not at all."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from promo_adapters.base.backoff import Backoff
from promo_adapters.base.clock import system_clock
from promo_adapters.base.database import Database
from promo_adapters.base.worker import Worker
from promo_adapters.braze import objects
from promo_adapters.braze.metrics import BrazeMetrics
from promo_adapters.braze.objects import OUTBOX, BrazeObject, ObjectKind
from promo_adapters.braze.replay import replay
from promo_adapters.braze.sender import Sender, SenderOptions
from promo_adapters.braze.track import Tracker
from promo_adapters.punchh.store import SCHEMA
from promo_simulators.braze.app import BrazeOptions, BrazeSimulator
from promo_simulators.braze.faults import Fault
from promo_simulators.braze.rules import BatchLimit
from promo_simulators.serving import running

pytestmark = pytest.mark.asyncio

OPTIONS = SenderOptions(75, attempts=20, backoff=Backoff(0.02, 0.1))


def new_metrics() -> BrazeMetrics:
    return BrazeMetrics(CollectorRegistry())


class Outbox:
    """An outbox, its sender and the Braze it sends to."""

    def __init__(self, database: Database, sender: Sender, braze: BrazeSimulator) -> None:
        self.database = database
        self.sender = sender
        self.braze = braze
        self.worker = Worker("braze", sender.step, patient=True)

    async def put(self, *bodies: dict[str, Any], kind: ObjectKind = ObjectKind.EVENTS, prefix: str = "") -> None:
        def write(connection: sqlite3.Connection) -> None:
            for number, body in enumerate(bodies):
                one = BrazeObject(kind, json.dumps(body).encode(), partner=False)
                objects.put(connection, one, key=f"{prefix}{number}", subject=body.get("external_id", ""), now_ms=1)

        await self.database.write(write)

    async def counts(self) -> dict[str, int]:
        return dict(await self.database.read(OUTBOX.counts))

    async def drain(self, seconds: float = 20.0) -> None:
        """Send until nothing is pending."""
        task = asyncio.create_task(self.worker.run())
        async with asyncio.timeout(seconds):
            while (await self.counts())["pending"]:
                await asyncio.sleep(0.01)
        self.worker.stop()
        await task

    def sent(self) -> list[int]:
        """Numbers of the events that Braze has, in its order."""
        return [event["properties"]["n"] for event in self.braze.events]


def event(number: int, **changes: Any) -> dict[str, Any]:
    body = {"external_id": f"u-{number % 7}", "name": "rewards", "time": "2021-08-16T15:23:08Z"}
    return {**body, "properties": {"n": number}, **changes}


@asynccontextmanager
async def outbox(
    folder: Path,
    options: SenderOptions = OPTIONS,
    braze: BrazeOptions | None = None,
    key: str = "braze-key",
) -> AsyncIterator[Outbox]:
    simulator = BrazeSimulator(braze)
    async with (
        running(simulator) as address,
        Database(folder / "o.db", SCHEMA) as database,
        httpx2.AsyncClient(timeout=0.5) as http,
    ):
        sender = Sender(database, Tracker(http, address, key, "punchh"), system_clock, options, new_metrics())
        yield Outbox(database, sender, simulator)


async def test_two_hundred_objects_go_in_batches_of_at_most_75_and_in_order(tmp_path: Path) -> None:
    async with outbox(tmp_path) as box:
        await box.put(*map(event, range(200)))
        await box.drain()
        assert box.sent() == list(range(200))
        assert [request.taken for request in box.braze.requests] == [75, 75, 50]
        assert await box.counts() == {"pending": 0, "waiting": 0, "done": 200, "dead": 0}


async def test_attributes_and_events_count_together(tmp_path: Path) -> None:
    async with outbox(tmp_path) as box:
        attributes = [{"external_id": f"u-{n}", "points": n} for n in range(40)]
        await box.put(*attributes, kind=ObjectKind.ATTRIBUTES, prefix="a")
        await box.put(*map(event, range(40)), prefix="e")
        await box.drain()
        first = box.braze.requests[0].body
        assert (len(first["attributes"]), len(first["events"])) == (40, 35)
        assert box.braze.profiles["u-39"]["points"] == 39


async def test_a_contract_of_50_objects_is_kept(tmp_path: Path) -> None:
    options = SenderOptions(50, 20, Backoff(0.02, 0.1))
    async with outbox(tmp_path, options, BrazeOptions(batch=BatchLimit(50))) as box:
        await box.put(*map(event, range(120)))
        await box.drain()
        assert [request.taken for request in box.braze.requests] == [50, 50, 20]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", 500),
        Fault("status", 503),
        Fault("status", 504),
        Fault("status", 408),
        Fault("throttle", headers=False),
        Fault("silence", seconds=0.8),
        Fault("reset"),
        Fault("status", 401),
        Fault("status", 404),
        Fault("status", 302),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
async def test_what_braze_did_not_take_is_sent_again_until_it_does(tmp_path: Path, fault: Fault) -> None:
    async with outbox(tmp_path) as box:
        box.braze.inject(fault, fault, fault)
        await box.put(*map(event, range(80)))
        await box.drain()
        assert box.sent() == list(range(80))
        assert (await box.counts())["dead"] == 0


async def test_nothing_is_sent_before_the_rate_limit_is_reset(tmp_path: Path) -> None:
    async with outbox(tmp_path) as box:
        box.braze.inject(Fault("throttle", seconds=1.2))
        await box.put(event(0))
        await box.drain()
        refused, taken = box.braze.requests
        assert taken.at >= int(refused.at + 1.2)
        assert taken.at - refused.at >= 1.0


@pytest.mark.extended
async def test_a_used_up_window_is_waited_out_before_braze_refuses(tmp_path: Path) -> None:
    async with outbox(tmp_path, braze=BrazeOptions(rate_requests=2, rate_seconds=1.0)) as box:
        await box.put(*map(event, range(75 * 5)))
        await box.drain()
        assert {request.status for request in box.braze.requests} == {201}
        assert box.sent() == list(range(375))


async def test_waiting_for_the_rate_limit_is_no_failed_attempt(tmp_path: Path) -> None:
    options = SenderOptions(75, 1, Backoff(0.01, 0.01))
    async with outbox(tmp_path, options) as box:
        box.braze.inject(*[Fault("throttle", headers=False)] * 5)
        await box.put(event(0))
        await box.drain()
        assert box.sent() == [0]


async def test_queued_is_an_acknowledgement(tmp_path: Path) -> None:
    async with outbox(tmp_path) as box:
        box.braze.inject(Fault("queued"))
        await box.put(event(0))
        await box.drain()
        assert [request.status for request in box.braze.requests] == [202]


async def test_an_object_that_braze_names_becomes_a_dead_letter_and_the_others_are_done(tmp_path: Path) -> None:
    async with outbox(tmp_path) as box:
        box.braze.inject(Fault("partial", indexes=(1, 3)))
        await box.put({"external_id": "u-1", "points": 1}, kind=ObjectKind.ATTRIBUTES, prefix="a")
        await box.put(*map(event, range(5)), prefix="e")
        await box.drain()
        assert box.sent() == [0, 2, 4]
        assert len(box.braze.requests) == 1
        dead = await box.database.read(lambda c: OUTBOX.dead(c, 10))
        assert [(one.key, one.note) for one in dead] == [
            ("e1", "The object was refused by the simulator"),
            ("e3", "The object was refused by the simulator"),
        ]


async def test_errors_that_name_no_object_bring_nothing_a_second_time(tmp_path: Path) -> None:
    async with outbox(tmp_path) as box:
        box.braze.inject(Fault("partial", vague=True))
        await box.put(*map(event, range(5)))
        await box.drain()
        assert box.sent() == [1, 2, 3, 4]
        assert await box.counts() == {"pending": 0, "waiting": 0, "done": 5, "dead": 0}
        [note] = await box.database.read(lambda c: [row[0] for row in c.execute("SELECT DISTINCT note FROM entries")])
        assert "errors that name no object" in note


async def test_one_unacceptable_object_does_not_hold_up_the_others(tmp_path: Path) -> None:
    class Picky(BrazeSimulator):
        """Refuses a whole request for one word in it."""

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            message = await receive()
            body = message["body"]
            while message.get("more_body"):
                message = await receive()
                body += message["body"]
            if b"poison" in body:
                self.inject(Fault("status", 400))

            async def again() -> dict[str, Any]:
                return {"type": "http.request", "body": body, "more_body": False}

            await super().__call__(scope, again, send)

    simulator = Picky()
    async with (
        running(simulator) as address,
        Database(tmp_path / "o.db", SCHEMA) as database,
        httpx2.AsyncClient(timeout=0.5) as http,
    ):
        sender = Sender(
            database,
            Tracker(http, address, "braze-key", "punchh"),
            system_clock,
            OPTIONS,
            new_metrics(),
        )
        box = Outbox(database, sender, simulator)
        await box.put(*[event(n, name="poison" if n in {13, 40} else "rewards") for n in range(60)])
        await box.drain()
        assert box.sent() == [n for n in range(60) if n not in {13, 40}]
        assert [one.key for one in await database.read(lambda c: OUTBOX.dead(c, 10))] == ["13", "40"]


async def test_what_fails_for_too_long_becomes_a_dead_letter_and_can_be_replayed(tmp_path: Path) -> None:
    options = SenderOptions(75, 3, Backoff(0.01, 0.02))
    async with outbox(tmp_path, options) as box:
        box.braze.inject(*[Fault("status", 503)] * 3)
        await box.put(*map(event, range(3)))
        await box.drain()
        assert (await box.counts())["dead"] == 3
        assert await box.database.write(lambda c: OUTBOX.replay(c, ["0", "2"], 2)) == 2
        box.worker = Worker("braze", box.sender.step, patient=True)
        await box.drain()
        assert box.sent() == [0, 2]
        assert (await box.counts())["dead"] == 1


async def test_a_wrong_key_gives_nothing_up(tmp_path: Path) -> None:
    options = SenderOptions(75, 2, Backoff(0.01, 0.02))
    async with outbox(tmp_path, options, key="wrong") as box:
        await box.put(event(0))
        for _ in range(5):
            await box.sender.step()
        assert await box.counts() == {"pending": 1, "waiting": 0, "done": 0, "dead": 0}


async def test_a_key_that_was_wrong_for_long_costs_no_attempt(tmp_path: Path) -> None:
    options = SenderOptions(75, 2, Backoff(0.01, 0.02))
    async with outbox(tmp_path, options) as box:
        box.braze.inject(*[Fault("status", 401)] * 4, Fault("status", 503))
        await box.put(*map(event, range(3)))
        await box.drain()
        assert box.sent() == [0, 1, 2]
        assert (await box.counts())["dead"] == 0


async def test_replayed_attributes_do_not_overwrite_newer_ones(tmp_path: Path) -> None:
    async with outbox(tmp_path) as box:
        box.braze.inject(Fault("partial", array="attributes"))
        await box.put({"external_id": "u-1", "city": "old"}, kind=ObjectKind.ATTRIBUTES, prefix="a")
        await box.put(event(0), prefix="e")
        await box.drain()
        await box.put({"external_id": "u-1", "city": "new"}, kind=ObjectKind.ATTRIBUTES, prefix="b")
        box.worker = Worker("braze", box.sender.step, patient=True)
        await box.drain()
        connection = sqlite3.connect(tmp_path / "o.db", isolation_level=None)
        assert replay(connection, None, 3) == 0
        connection.close()
        assert box.braze.profiles["u-1"]["city"] == "new"
        assert (await box.counts())["dead"] == 0


@pytest.mark.parametrize("answer", [b"", b"[]", b"{", b'{"errors": 7}', b'{"errors": [7, {"index": true}]}', b"\xff"])
async def test_an_answer_of_another_form_is_still_an_answer(tmp_path: Path, answer: bytes) -> None:
    async def app(scope: Any, receive: Any, send: Callable[[dict[str, Any]], Any]) -> None:
        del scope
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": answer})

    async with (
        running(app) as address,
        Database(tmp_path / "o.db", SCHEMA) as database,
        httpx2.AsyncClient(timeout=5) as http,
    ):
        sender = Sender(database, Tracker(http, address, "k", "punchh"), system_clock, OPTIONS, new_metrics())
        box = Outbox(database, sender, BrazeSimulator())
        await box.put(event(0))
        assert await sender.step() == 0.0
        assert (await box.counts())["done"] == 1
