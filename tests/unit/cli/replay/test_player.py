from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any, cast

import pytest

from promo.client import PromoClient, PromoError, Reason, exceptions
from promo.v1.order_pb2 import Order as OrderMessage
from promo.v1.redemption_pb2 import Redemption, Rollback
from promo.v1.validation_service_pb2 import Validation
from promo_server.cli.replay.behaviour import Behaviour
from promo_server.cli.replay.events import Cancellation, Event, Line, Order, Skip
from promo_server.cli.replay.player import Player
from promo_server.cli.replay.tally import Tally
from promo_server.cli.replay.wallet import Wallet

ALWAYS = 100


class Server:
    """A server that lets each code be used once, and takes a tenth off."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self.answers: dict[str, Redemption] = {}
        self.orders: list[OrderMessage] = []
        self.busy: Counter[str] = Counter()
        self.most_at_once = 0
        self.unknown = 0
        self.forgets = False
        self.failure: PromoError | None = None

    async def validate(self, *, codes: list[str], order: OrderMessage, customer: str) -> Validation:
        del order, customer
        self.unknown += codes == ["NOSUCHCODE"]
        validation = Validation(valid=codes[0] not in self.used)
        validation.results.add().refusal.reason = Reason.CODE_USES_EXHAUSTED.value
        return validation

    async def redeem(self, *, codes: list[str], order: OrderMessage, customer: str, request_id: str) -> Redemption:
        self.busy[customer] += 1
        self.most_at_once = max(self.most_at_once, self.busy[customer])
        await asyncio.sleep(0)
        self.busy[customer] -= 1
        if self.failure is not None:
            raise self.failure
        if request_id in self.answers and not self.forgets:
            return self.answers[request_id]
        if codes[0] in self.used and not self.forgets:
            raise exceptions.CodeUsesExhausted("used", status=9)
        self.used.add(codes[0])
        self.orders.append(order)
        redemption = Redemption(id=f"r_{len(self.orders)}")
        redemption.order.total_discount_amount = order.amount // 10
        self.answers[request_id] = redemption
        return redemption

    async def rollback(self, redemption_id: str, *, reason: str, request_id: str) -> Rollback:
        del request_id
        redemption = next(one for one in self.answers.values() if one.id == redemption_id)
        return Rollback(returned_discount_amount=redemption.order.total_discount_amount, reason=reason)


def order(number: str, customer: str = "c", *quantities: int) -> Order:
    return Order(
        number, customer, tuple(Line(f"p{place}", count, 100) for place, count in enumerate(quantities or (10,)))
    )


def play(server: Server, events: Iterable[Event], codes: dict[str, str] | None = None, **shares: Any) -> Tally:
    tally = Tally()
    wallet = Wallet({"c": "C", "d": "D"} if codes is None else codes, ["SPARE"])
    player = Player(cast("PromoClient", server), "GBP", wallet, Behaviour(**shares), tally, "run")
    asyncio.run(player.play(events, 4, lambda: None))
    return tally


def test_orders_are_redeemed_and_refusals_counted_by_reason() -> None:
    tally = play(Server(), [order("1"), order("2", "d", 5), order("3")])
    assert (tally.orders, tally.redeemed, tally.discount, tally.order_amount) == (3, 2, 150, 2500)
    assert tally.refused == Counter(CODE_USES_EXHAUSTED=1)
    assert tally.declined == Counter(CODE_USES_EXHAUSTED=1)
    assert {kind: len(some) for kind, some in tally.seconds.items()} == {"validate": 3, "redeem": 3}


def test_orders_of_one_customer_come_one_after_another() -> None:
    server = Server()
    play(server, [order(str(number)) for number in range(50)])
    assert server.most_at_once == 1


def test_repeated_request_must_get_the_first_answer() -> None:
    assert play(Server(), [order("1")], repeats=ALWAYS).wrong_repeats == []
    forgetful = Server()
    forgetful.forgets = True
    tally = play(forgetful, [order("1")], repeats=ALWAYS)
    assert (tally.repeats, tally.redeemed) == (1, 1)
    assert tally.wrong_repeats == ["run.1"]


def test_cancelled_order_gives_its_discount_back() -> None:
    tally = play(Server(), [order("1")], cancels=ALWAYS, repeats=ALWAYS)
    assert (tally.rolled_back, tally.returned, tally.counting, tally.given) == (1, 100, 0, 0)
    assert tally.repeats == 2
    assert tally.wrong_repeats == []


def test_shoppers_try_used_borrowed_and_unknown_codes() -> None:
    server = Server()
    server.used.add("SPARE")
    tally = play(server, [order("1")], tries_again=ALWAYS, borrows=ALWAYS, mistypes=ALWAYS)
    assert tally.redeemed == 1
    assert tally.refused == Counter(CODE_USES_EXHAUSTED=2)
    assert len(tally.seconds["validate"]) == 2


def test_typing_errors_are_too_few_to_look_like_guessing() -> None:
    server = Server()
    play(server, [order(str(number)) for number in range(100)], mistypes=ALWAYS)
    assert server.unknown == 20


def test_cancellation_rolls_back_the_order_that_it_cancels_whole() -> None:
    events = [order("1", "c", 2, 3), Cancellation("C2", "c", Counter(p0=2, p1=3))]
    tally = play(Server(), events)
    assert (tally.rolled_back, tally.given) == (1, 0)
    assert not tally.skipped


def test_cancellation_of_a_part_leaves_the_discount() -> None:
    events = [order("1", "c", 2, 3), Cancellation("C2", "c", Counter(p0=1)), Cancellation("C3", "d", Counter(p0=2))]
    tally = play(Server(), events)
    assert tally.rolled_back == 0
    assert tally.skipped == Counter({Skip.PARTIAL_CANCELLATION: 1, Skip.UNKNOWN_CANCELLATION: 1})


def test_customer_without_a_code_is_left_out() -> None:
    tally = play(Server(), [order("1")], codes={})
    assert (tally.orders, tally.calls) == (1, 0)
    assert tally.skipped == Counter({Skip.NO_CODE: 1})


def test_order_with_too_many_lines_is_sent_as_one_amount() -> None:
    server = Server()
    tally = play(server, [order("1", "c", *([1] * 501))])
    assert tally.redeemed == 1
    assert (len(server.orders[0].items), server.orders[0].amount) == (0, 50_100)


def test_failure_that_is_no_refusal_ends_the_replay() -> None:
    server = Server()
    server.failure = exceptions.StoreUnavailable("away", status=14)
    with pytest.raises(exceptions.StoreUnavailable):
        play(server, [order(str(number), customer) for number in range(20) for customer in "cd"])
