"""Punchh's Webhooks Manager: delivers events at least once and in no order, with the documented retries."""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

import httpx2

from promo_simulators.punchh.signing import Credentials

THROTTLED_WAITS: Final = (15.0, 45.0, 180.0)
"""Seconds before each retry after 408 and 429."""
FAILED_WAITS: Final = (60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
"""Seconds before each retry after 5xx, and after no answer, on which the documentation is silent."""
PING_WAITS: Final = (300.0, 600.0, *(7200.0,) * 6)
"""Seconds before each check of a suspended receiver; when the last one fails, it is deactivated."""
_ACCEPTED: Final = frozenset({200, 202})
_THROTTLED: Final = frozenset({408, 429})
_MOST_FAILURES: Final = 1_000
_NO_ANSWER: Final = 0


class Standing(StrEnum):
    """How Punchh thinks of the receiver."""

    INACTIVE = "inactive"
    """Not checked yet."""
    ACTIVE = "active"
    SUSPENDED = "suspended"
    """More than 1,000 deliveries failed: events wait while the receiver is checked."""
    DEACTIVATED = "deactivated"
    """The checks failed too: nothing is sent any more."""


@dataclass(slots=True)
class Delivery:
    """One copy of an event on its way."""

    content_id: str
    body: bytes
    statuses: list[int] = field(default_factory=list)
    """Of each attempt; 0 when there was no answer."""
    done: bool = False

    @property
    def accepted(self) -> bool:
        """Whether the receiver has taken it."""
        return bool(self.statuses) and self.statuses[-1] in _ACCEPTED


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where a business has its events sent."""

    url: str
    credentials: Credentials = field(default_factory=Credentials)
    timeout_seconds: float = 15.0
    speed: float = 1.0
    """How many times faster than Punchh's all waits pass."""
    at_once: int = 16
    """Deliveries in flight."""


class WebhooksManager:
    """Sends events to one subscription; `async with` ends what is on its way."""

    def __init__(self, subscription: Subscription, *, seed: int | None = None) -> None:
        """Begin inactive; `seed` makes the order of shuffled events the same every time."""
        self.subscription = subscription
        self.standing = Standing.INACTIVE
        self.deliveries: list[Delivery] = []
        self._failures = 0
        self._random = random.Random(seed)  # noqa: S311 - an order, no secret
        self._client = httpx2.AsyncClient(timeout=subscription.timeout_seconds)
        self._slots = asyncio.Semaphore(subscription.at_once)
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    async def activate(self) -> bool:
        """Check the receiver with a GET, as at activation and daily; return whether it is active."""
        url = self.subscription.url
        try:
            response = await self._client.get(url, headers=self.subscription.credentials.headers(url, b""))
            alive = response.status_code == httpx2.codes.OK
        except httpx2.HTTPError:
            alive = False
        if alive:
            self.standing, self._failures = Standing.ACTIVE, 0
            self._open.set()
        return alive

    def send(self, events: Sequence[dict[str, Any]], *, copies: int = 1, shuffle: bool = False) -> list[Delivery]:
        """Deliver events in the background, each `copies` times; with `shuffle` in an order of chance."""
        batch = [Delivery(event["content_id"], encode(event)) for event in events for _ in range(copies)]
        if shuffle:
            self._random.shuffle(batch)
        self.deliveries.extend(batch)
        for delivery in batch:
            task = asyncio.create_task(self._deliver(delivery))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return batch

    async def settled(self) -> None:
        """Return when every delivery was accepted or given up."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def _deliver(self, delivery: Delivery) -> None:
        throttled, failed = iter(THROTTLED_WAITS), iter(FAILED_WAITS)
        while True:
            await self._open.wait()
            if self.standing is Standing.DEACTIVATED:
                break
            async with self._slots:
                status = await self._attempt(delivery.body)
            delivery.statuses.append(status)
            if status in _ACCEPTED:
                break
            self._note_failure()
            waits = throttled if status in _THROTTLED else failed if status >= 500 or status == _NO_ANSWER else iter(())  # noqa: PLR2004
            wait = next(waits, None)
            if wait is None:
                break
            await asyncio.sleep(wait / self.subscription.speed)
        delivery.done = True

    async def _attempt(self, body: bytes) -> int:
        url = self.subscription.url
        headers = {"content-type": "application/json", **self.subscription.credentials.headers(url, body)}
        try:
            return (await self._client.post(url, content=body, headers=headers, follow_redirects=False)).status_code
        except httpx2.HTTPError:
            return _NO_ANSWER

    def _note_failure(self) -> None:
        self._failures += 1
        if self._failures > _MOST_FAILURES and self.standing is Standing.ACTIVE:
            self.standing = Standing.SUSPENDED
            self._open.clear()
            task = asyncio.create_task(self._ping())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ping(self) -> None:
        for wait in PING_WAITS:
            await asyncio.sleep(wait / self.subscription.speed)
            if await self.activate():
                return
        self.standing = Standing.DEACTIVATED
        self._open.set()


def event(
    event_name: str,
    payload: dict[str, Any],
    *,
    event_type: str = "",
    action: str = "create",
    content_id: str | None = None,
    timestamp: int | None = None,
) -> dict[str, Any]:
    """Return an event in its envelope; content id and timestamp (milliseconds) are made when absent."""
    return {
        "content_id": content_id or str(uuid.uuid4()),
        "timestamp": timestamp if timestamp is not None else int(time.time() * 1000),
        "business_id": 6,
        "business_uuid": "5f1c1a52-6b1c-4f4e-9a55-1f1f0b3f7a11",
        "business_slug": "simulated",
        "event_name": event_name,
        "event_type": event_type,
        "action": action,
        "payload": payload,
    }


def encode(event: dict[str, Any]) -> bytes:
    """Return the body that is sent and signed."""
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
