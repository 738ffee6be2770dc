"""What becomes of stored events when their guest is not known yet."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from support.server_process import KEY

from promo.client import PromoClient
from promo_adapters.base.backoff import Backoff
from promo_adapters.base.clock import system_clock
from promo_adapters.base.database import Database
from promo_adapters.base.queue import Entry
from promo_adapters.punchh import models, store
from promo_adapters.punchh.metrics import PunchhMetrics
from promo_adapters.punchh.processor import Processor, ProcessorOptions
from promo_adapters.punchh.store import INBOX
from promo_simulators.punchh.webhooks import event

pytestmark = pytest.mark.asyncio
NOBODY = "127.0.0.1:9"


class Inbox:
    """An inbox and its processor, before an engine that is away; no event waits for its guest at all."""

    def __init__(self, database: Database, processor: Processor) -> None:
        self.database = database
        self.processor = processor

    async def put(self, *documents: dict[str, Any]) -> None:
        def write(connection: sqlite3.Connection) -> None:
            for document in documents:
                body = json.dumps(document).encode()
                found = models.parse(body)
                key, subject = found.envelope.key, str(found.payload.guest_id)
                INBOX.put(connection, key=key, kind=found.envelope.event_name, subject=subject, body=body, now_ms=1)

        await self.database.write(write)

    async def entries(self) -> list[Entry]:
        """Return what is not done."""
        later_ms = system_clock() + 86_400_000
        due = await self.database.read(lambda c: INBOX.due(c, later_ms, 1_000))
        return [*due, *await self.database.read(lambda c: INBOX.dead(c, 1_000))]


@pytest.fixture
def metrics() -> PunchhMetrics:
    """Return metrics of their own."""
    return PunchhMetrics(CollectorRegistry())


@asynccontextmanager
async def inbox(folder: Path, metrics: PunchhMetrics) -> AsyncIterator[Inbox]:
    options = ProcessorOptions((), guest_wait_ms=0, attempts=9, backoff=Backoff(60, 60), event_names=None)
    async with (
        Database(folder / "p.db", store.SCHEMA) as database,
        PromoClient.connect(NOBODY, key=KEY, timeout=0.5) as client,
    ):
        yield Inbox(database, Processor(database, client, system_clock, options, metrics))


def used(number: int) -> dict[str, Any]:
    return event("redemptions", {"redemption_id": number, "user_id": number})


async def test_a_guest_is_known_though_the_engine_did_not_take_the_profile(
    tmp_path: Path, metrics: PunchhMetrics
) -> None:
    async with inbox(tmp_path, metrics) as box:
        await box.put(event("users", {"user_id": 1, "external_source_id": "u-1"}), used(1))
        while await box.processor.step() == 0.0:
            pass
        [profile] = await box.entries()
        assert (profile.kind, profile.state, profile.attempts) == ("users", "pending", 1)
        assert await box.database.read(lambda c: store.guests(c, [1])[1].external_id) == "u-1"
        [heard] = await box.database.read(lambda c: store.redemptions(c, 10))
        assert heard["external_id"] == "u-1"


async def test_no_event_is_given_up_while_its_guest_may_still_be_in_the_inbox(
    tmp_path: Path, metrics: PunchhMetrics
) -> None:
    numbers = range(1, 101)
    async with inbox(tmp_path, metrics) as box:
        # More than are worked off at once stand before the first profile.
        await box.put(*map(used, numbers))
        await box.put(*[event("users", {"user_id": n, "external_source_id": f"u-{n}"}) for n in numbers])
        await box.processor.step()
        first = await box.entries()
        assert {one.note for one in first if one.state == "waiting"} == {"waits for other events of the guest"}
        while await box.processor.step() == 0.0:
            pass
        assert {(one.kind, one.state) for one in await box.entries()} == {("users", "pending")}


async def test_an_event_whose_guest_did_not_arrive_is_a_dead_letter(tmp_path: Path, metrics: PunchhMetrics) -> None:
    async with inbox(tmp_path, metrics) as box:
        await box.put(used(1))
        await box.processor.step()
        [dead] = await box.entries()
        assert (dead.state, dead.note) == ("dead", "the guest's external id did not arrive")
