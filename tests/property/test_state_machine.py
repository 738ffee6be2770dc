"""A model of limits, holds, redemptions and publications against the real engine, in any order of calls.

The model is a handful of counters. It is asked before every call what must come of it.
"""

from __future__ import annotations

import asyncio
import copy
import uuid
from collections import Counter
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)
from support.server_process import KEY, ServerProcess
from support.shop import OFF, codes_of, new_campaign
from support.truth import account_of

from promo.client import Campaign, Limits, PromoClient, exceptions, item, order
from promo.v1.redeemable_pb2 import RedeemableStatus
from promo.v1.redemption_pb2 import Redemption

CART = order("GBP", [item("sofa", price=1_000_00)])
CODES = 4
Code = tuple[int, int]
"""Number of a campaign of the machine, and position of a code in it."""
Mode = Literal["all", "partial"]
Use = tuple[Code, str]
"""A code and the customer who uses it."""


@dataclass
class Model:
    """What is taken of each limit, by redemptions and holds."""

    limits: list[Limits]
    taken: Counter[tuple[object, ...]] = field(default_factory=Counter)

    def takes(self, use: Use) -> Iterable[tuple[tuple[object, ...], int, int]]:
        """Return each limit that a use takes from, how much, and how much there is."""
        (number, position), customer = use
        limits = self.limits[number]
        names: dict[str, tuple[tuple[object, ...], int]] = {
            "per_code": ((number, position), 1),
            "per_customer_per_code": ((number, position, customer), 1),
            "per_customer": ((number, customer), 1),
            "per_campaign": ((number,), 1),
            "discount_budget": ((number,), OFF),
        }
        for kind, (name, amount) in names.items():
            if limit := getattr(limits, kind):
                yield (kind, *name), amount, limit

    def add(self, uses: Iterable[Use], sign: int = 1) -> None:
        """Take what uses take; give it back with a sign of -1."""
        for use in uses:
            for name, amount, _ in self.takes(use):
                self.taken[name] += sign * amount

    def granted(self, uses: list[Use], mode: Mode) -> list[Use]:
        """Return the uses that are granted: all or none, or those that are left when each refused one is."""
        left = list(uses)
        while left:
            refused = self._first_refused(left)
            if refused is None:
                return left
            if mode == "all":
                return []
            left.remove(refused)
        return []

    def _first_refused(self, uses: list[Use]) -> Use | None:
        taken = self.taken.copy()
        for use in uses:
            for name, amount, limit in self.takes(use):
                taken[name] += amount
                if taken[name] > limit:
                    return use
        return None


@dataclass
class Shelf:
    """The codes of a campaign in their order, and who was given which."""

    codes: list[str]
    given: int = 0
    by_source: dict[str, list[str]] = field(default_factory=dict)
    first_of: dict[str, list[str]] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)

    def publish(self, customer: str, count: int, source: str, *, join_once: bool) -> list[str] | str:
        """Return the codes that the customer gets, or the reason of the refusal."""
        if source in self.by_source:
            earlier = self.by_source[source]
            return earlier if len(earlier) == count else "PUBLICATION_MISMATCH"
        if join_once and customer in self.first_of:
            return self.first_of[customer]
        codes = self.codes[self.given : self.given + count]
        if len(codes) < count:
            return "CODES_EXHAUSTED"
        self.given += count
        self.first_of.setdefault(customer, codes)
        if source:
            self.by_source[source] = codes
        self.holders |= dict.fromkeys(codes, customer)
        return codes


@dataclass(frozen=True)
class Held:
    """A live hold."""

    key: str
    uses: tuple[Use, ...]


@dataclass(eq=False)
class Done:
    """A redemption, with the places that still count."""

    answer: Redemption
    request: dict[str, Any]
    uses: dict[int, Use]


LIMITS = st.builds(
    Limits,
    per_code=st.integers(0, 2),
    per_customer_per_code=st.integers(0, 2),
    per_customer=st.integers(0, 4),
    per_campaign=st.integers(0, 5),
    discount_budget=st.integers(0, 5).map(lambda uses: uses * OFF + (1 if uses else 0)),
)
STACKS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, CODES - 1)), min_size=1, max_size=4, unique=True)
CUSTOMERS = st.sampled_from(["a", "b"])
SHELF = 12
"""Codes of the campaign that publications hand out."""
MODES: st.SearchStrategy[Mode] = st.sampled_from(["all", "partial"])


class Machine(RuleBasedStateMachine):
    """Two campaigns of four codes, two customers, and any calls."""

    server: ServerProcess
    redemptions: Bundle[Done] = Bundle("redemptions")
    holds: Bundle[Held] = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._campaigns: list[Campaign] = []
        self._codes: dict[Code, str] = {}
        self._live: dict[str, Held] = {}
        self._counting = 0
        self._client = self._run(self._connect())

    async def _connect(self) -> PromoClient:
        return PromoClient.connect(self.server.target, key=KEY, timeout=30.0)

    def _run(self, call: Awaitable[Any]) -> Any:
        return self._loop.run_until_complete(call)

    def _attempt(self, call: Awaitable[Any]) -> Any:
        """Return the answer, or None if the call was refused for a limit."""
        try:
            return self._run(call)
        except exceptions.FailedPreconditionError:
            return None

    @initialize(limits=st.lists(LIMITS, min_size=2, max_size=2))
    def campaigns_are_made(self, limits: list[Limits]) -> None:
        self.model = Model(limits)
        for number, limit in enumerate(limits):
            campaign = self._run(new_campaign(self._client, limit, code_count=CODES))
            self._campaigns.append(campaign)
            published = self._run(self._client.publish(campaign=campaign.name, customer="holder", count=CODES))
            self._codes |= {(number, position): code for position, code in enumerate(published.codes)}
        self._handed_out = self._run(new_campaign(self._client, Limits(per_customer=1), code_count=SHELF))
        self.shelf = Shelf(self._run(codes_of(self._client, self._handed_out, SHELF)))

    @rule(
        customer=CUSTOMERS,
        count=st.integers(1, 4),
        source=st.sampled_from(["", "mail", "push"]),
        join_once=st.booleans(),
        validate_only=st.booleans(),
    )
    def codes_are_published(
        self, customer: str, count: int, source: str, *, join_once: bool, validate_only: bool
    ) -> None:
        request = {"campaign": self._handed_out.name, "customer": customer, "count": count, "source_id": source}
        request |= {"join_once": join_once}
        if validate_only:
            expected = copy.deepcopy(self.shelf).publish(customer, count, source, join_once=join_once)
            # What would be new has no codes yet.
            new = expected == self.shelf.codes[self.shelf.given : self.shelf.given + count]
            assert self._publish(request | {"validate_only": True}) == ([] if new else expected)
            return
        request |= {"request_id": uuid.uuid4().hex}
        expected = self.shelf.publish(customer, count, source, join_once=join_once)
        for _ in range(2):
            assert self._publish(request) == expected

    def _publish(self, request: dict[str, Any]) -> list[str] | str:
        """Return the codes that are published, or the reason of the refusal."""
        try:
            return list(self._run(self._client.publish(**request)).codes)
        except exceptions.FailedPreconditionError as refusal:
            return refusal.reason_name

    @rule(stack=STACKS, customer=CUSTOMERS, mode=MODES)
    def validating_tells_what_redeeming_would_do(self, stack: list[Code], customer: str, mode: Mode) -> None:
        granted = self.model.granted([(code, customer) for code in stack], mode)
        answer = self._run(self._client.validate(**self._request(stack, customer, mode)))
        assert answer.valid == bool(granted)
        if answer.valid:
            assert self._applied(stack, customer, answer.results) == granted

    @rule(target=redemptions, stack=STACKS, customer=CUSTOMERS, mode=MODES)
    def codes_are_redeemed(self, stack: list[Code], customer: str, mode: Mode) -> Any:
        return self._redeem(stack, customer, mode, None)

    @rule(target=holds, stack=STACKS, customer=CUSTOMERS, mode=MODES)
    def codes_are_held(self, stack: list[Code], customer: str, mode: Mode) -> Any:
        granted = self.model.granted([(code, customer) for code in stack], mode)
        session = timedelta(hours=1)
        answer = self._run(self._client.validate(**self._request(stack, customer, mode), session=session))
        assert answer.valid == answer.HasField("session") == bool(granted)
        if not granted:
            return multiple()
        assert self._applied(stack, customer, answer.results) == granted
        self.model.add(granted)
        held = self._live[answer.session.key] = Held(answer.session.key, tuple(granted))
        return held

    @rule(target=redemptions, held=holds, stack=STACKS, customer=CUSTOMERS, mode=MODES)
    def a_hold_is_confirmed(self, held: Held, stack: list[Code], customer: str, mode: Mode) -> Any:
        return self._redeem(stack, customer, mode, held)

    @rule(target=redemptions, held=holds)
    def a_hold_is_confirmed_as_it_is(self, held: Held) -> Any:
        return self._redeem([code for code, _ in held.uses], held.uses[0][1], "all", held)

    @rule(held=consumes(holds))
    def a_hold_is_released(self, held: Held) -> None:
        try:
            self._run(self._client.sessions.release(held.key))
        except exceptions.SessionNotFound:
            assert held.key not in self._live
        else:
            del self._live[held.key]
            self.model.add(held.uses, -1)

    @rule(done=redemptions, places=st.sets(st.integers(0, 3)))
    def a_redemption_is_rolled_back(self, done: Done, places: set[int]) -> None:
        chosen = places & {place for place, result in enumerate(done.answer.results) if result.redemption_id}
        ids = [done.answer.results[place].redemption_id for place in sorted(chosen)]
        answer = self._attempt(self._client.rollback(done.answer.id, redeemable_redemption_ids=ids))
        expected = chosen or set(done.uses)
        if not expected or not expected <= done.uses.keys():
            assert answer is None
            return
        assert answer is not None
        assert answer.returned_discount_amount == OFF * len(expected)
        self.model.add((done.uses.pop(place) for place in sorted(expected)), -1)
        self._counting -= len(expected)

    @rule(done=redemptions)
    def a_redemption_is_asked_for_again(self, done: Done) -> None:
        assert self._run(self._client.redeem(**done.request)) == done.answer
        found = self._run(self._client.redemptions.get(done.answer.id))
        assert found.results == done.answer.results
        assert len(found.rolled_back_ids) == len(self._used(done.answer)) - len(done.uses)

    def _redeem(self, stack: list[Code], customer: str, mode: Mode, held: Held | None) -> Any:
        request = {**self._request(stack, customer, mode), "request_id": uuid.uuid4().hex}
        if held is not None:
            request["session_key"] = held.key
            if held.key not in self._live:
                with pytest.raises(exceptions.SessionNotFound):
                    self._run(self._client.redeem(**request))
                return multiple()
            self.model.add(held.uses, -1)
        granted = self.model.granted([(code, customer) for code in stack], mode)
        preview = self._attempt(self._client.redeem(**request, validate_only=True))
        assert (preview is not None) == bool(granted)
        answer = self._attempt(self._client.redeem(**request))
        assert (answer is not None) == bool(granted), (granted, answer)
        if answer is None:
            # A hold that could not be confirmed is still there.
            self.model.add(held.uses if held is not None else ())
            return multiple()
        assert self._applied(stack, customer, answer.results) == granted
        if held is not None:
            del self._live[held.key]
        self.model.add(granted)
        self._counting += len(granted)
        places = self._used(answer)
        return Done(answer, request, dict(zip(places, granted, strict=True)))

    def _request(self, stack: list[Code], customer: str, mode: Mode) -> dict[str, Any]:
        return {"codes": [self._codes[code] for code in stack], "customer": customer, "mode": mode, "order": CART}

    def _applied(self, stack: list[Code], customer: str, results: Iterable[Any]) -> list[Use]:
        status = RedeemableStatus.REDEEMABLE_STATUS_APPLICABLE
        pairs = zip(stack, results, strict=True)
        return [(code, customer) for code, result in pairs if result.status == status]

    @staticmethod
    def _used(answer: Redemption) -> list[int]:
        return [place for place, result in enumerate(answer.results) if result.redemption_id]

    def teardown(self) -> None:
        try:
            for key in self._live:
                self._run(self._client.sessions.release(key))
            uses = sum(account_of(self.server, campaign).uses for campaign in self._campaigns)
            assert uses == self._counting
            for code in self.shelf.codes:
                assert self._run(self._client.vouchers.get(code)).holder == self.shelf.holders.get(code, "")
            counts = self._run(self._client.publications.count_codes(self._handed_out.name))
            assert counts.published_count == self.shelf.given
        finally:
            self._run(self._client.close())
            self._loop.close()


def run_machine(server: ServerProcess, **options: Any) -> None:
    machine = type("BoundMachine", (Machine,), {"server": server})
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    # An example is as long as the server needs; none fails for being slow.
    run_state_machine_as_test(machine, settings=settings(deadline=None, suppress_health_check=checks, **options))


def test_the_engine_does_what_the_model_says(server: ServerProcess) -> None:
    run_machine(server, max_examples=10, stateful_step_count=25)


@pytest.mark.slow
def test_the_engine_does_what_the_model_says_at_length(server: ServerProcess) -> None:
    run_machine(server, max_examples=300, stateful_step_count=80)
