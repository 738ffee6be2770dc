"""Shoppers who never give up, and who remember every answer that they got.

They keep sending the same request with the same id until an answer is definite, whatever happens to the server or its
store meanwhile. What they then know must be what happened.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from google.protobuf.duration_pb2 import Duration
from support.server_process import KEY, ServerProcess
from support.shop import CART
from support.truth import account_of

from promo.client import Campaign, PromoClient, RetryPolicy, exceptions
from promo.v1.publication_pb2 import Publication
from promo.v1.redemption_pb2 import Redemption, Rollback
from promo.v1.session_pb2 import SessionRequest

Answer = TypeVar("Answer")
_UNSURE = (exceptions.UnavailableError, exceptions.DeadlineExceededError, exceptions.CancelledError)
_SECONDS = 5.0


@dataclass
class Redeemed:
    """A redemption that was acknowledged, the request that made it, and how it was undone if it was."""

    request: dict[str, Any]
    answer: Redemption
    undone: tuple[dict[str, Any], Rollback] | None = None


@dataclass
class Witness:
    """Makes load on one campaign, and checks what it knows of it."""

    server: ServerProcess
    campaign: Campaign
    codes: list[str]
    redeemed: list[Redeemed] = field(default_factory=list)
    published: list[tuple[dict[str, Any], Publication]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    unsure: int = 0
    """Attempts after which nobody knew what had happened."""
    _stopping: bool = False

    def connect(self) -> PromoClient:
        """Return a client that leaves retries to the witness, on a connection of its own."""
        return PromoClient.connect(self.server.target, key=KEY, timeout=_SECONDS, retry=RetryPolicy(attempts=1))

    async def shop(self, shoppers: int) -> None:
        """Shop until told to stop; every request is settled before this returns."""
        self._stopping = False
        await asyncio.gather(*(self._shopper() for _ in range(shoppers)))

    def stop(self) -> None:
        """Have every shopper finish what was begun."""
        self._stopping = True

    async def _shopper(self) -> None:
        async with self.connect() as client:
            while not self._stopping:
                actions = [self._redeem, self._hold, self._undo, self._publish, self._repeat]
                action = random.choices(actions, [5, 2, 2, 2, 1])[0]
                try:
                    await action(client)
                except exceptions.FailedPreconditionError as error:
                    self.refused[error.reason_name] += 1

    async def settled(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the answer to a call, made again for as long as nobody knows what came of it."""
        while True:
            try:
                return await call()
            except _UNSURE:
                self.unsure += 1
                await asyncio.sleep(random.uniform(0.01, 0.1))

    async def _redeem(self, client: PromoClient) -> None:
        customer, code = f"customer-{random.randrange(50)}", random.choice(self.codes)
        request = {"codes": [code], "order": CART, "customer": customer, "request_id": uuid.uuid4().hex}
        self.redeemed.append(Redeemed(request, await self.settled(lambda: client.redeem(**request))))

    async def _hold(self, client: PromoClient) -> None:
        """Hold a code, then use it or give it back."""
        customer, code = f"customer-{random.randrange(50)}", random.choice(self.codes)
        session = SessionRequest(key=uuid.uuid4().hex, ttl=Duration(seconds=3_600))
        wanted = {"codes": [code], "order": CART, "customer": customer}
        hold = {**wanted, "session": session, "request_id": uuid.uuid4().hex}
        held = await self.settled(lambda: client.validate(**hold))
        if not held.valid:
            self.refused["HOLD"] += 1
        elif random.random() < 0.5:
            request = {**wanted, "session_key": session.key, "request_id": uuid.uuid4().hex}
            self.redeemed.append(Redeemed(request, await self.settled(lambda: client.redeem(**request))))
        else:
            release = uuid.uuid4().hex
            await self.settled(lambda: client.sessions.release(session.key, request_id=release))

    async def _undo(self, client: PromoClient) -> None:
        standing = [one for one in self.redeemed if one.undone is None]
        if not standing:
            return
        one = random.choice(standing)
        request = {"redemption_id": one.answer.id, "request_id": uuid.uuid4().hex}
        # Two shoppers may undo the same redemption; one of them is told so.
        answer = await self.settled(lambda: client.rollback(**request))
        assert one.undone is None, "rolled back twice"
        one.undone = (request, answer)

    async def _publish(self, client: PromoClient) -> None:
        request = {
            "campaign": self.campaign.name,
            "customer": f"customer-{random.randrange(50)}",
            "source_id": uuid.uuid4().hex,
            "request_id": uuid.uuid4().hex,
        }
        self.published.append((request, await self.settled(lambda: client.publish(**request))))

    async def _repeat(self, client: PromoClient) -> None:
        if self.redeemed:
            one = random.choice(self.redeemed)
            assert await self.settled(lambda: client.redeem(**one.request)) == one.answer

    async def check(self) -> None:
        """Compare all that was acknowledged with what the server and its store say now."""
        async with self.connect() as client:
            for one in self.redeemed:
                found = await self.settled(lambda one=one: client.redemptions.get(one.answer.id))  # type: ignore[misc]
                assert found.results == one.answer.results
                assert bool(found.rolled_back_ids) == (one.undone is not None)
            for one in random.sample(self.redeemed, min(len(self.redeemed), 100)):
                again = await self.settled(lambda one=one: client.redeem(**one.request))  # type: ignore[misc]
                assert again == one.answer
                if one.undone is not None:
                    request, answer = one.undone
                    assert await self.settled(lambda request=request: client.rollback(**request)) == answer  # type: ignore[misc]
            for request, publication in self.published:
                name = publication.id
                assert await self.settled(lambda name=name: client.publications.get(name)) == publication  # type: ignore[misc]
                del request["request_id"]
                assert await self.settled(lambda request=request: client.publish(**request)) == publication  # type: ignore[misc]
            counts = await self.settled(lambda: client.publications.count_codes(self.campaign.name))
        codes = Counter(code for _, publication in self.published for code in publication.codes)
        assert not codes or max(codes.values()) == 1, "a code was handed out twice"
        assert counts.published_count == len(self.published)
        account = account_of(self.server, self.campaign)
        assert account.redemptions == {one.answer.id for one in self.redeemed if one.undone is None}
        assert set(account.request_ids.values()) <= {1}, "a request was counted twice"
