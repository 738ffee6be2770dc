"""Plays orders against a server as checkouts do: many at a time, those of one customer one after another."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from google.protobuf.message import Message

from promo.client import PromoClient, PromoError, item, order
from promo.v1.order_pb2 import Order as OrderMessage
from promo.v1.redemption_pb2 import Redemption
from promo_server.cli.replay.behaviour import Behaviour, Choices
from promo_server.cli.replay.events import Cancellation, Event, Order, Skip, Skipped, quantities
from promo_server.cli.replay.refusals import name_of, refusal
from promo_server.cli.replay.tally import Tally
from promo_server.cli.replay.wallet import Wallet

_MOST_LINES = 500
"""Lines that an order may have; a longer one is sent as one amount, which a discount on the whole order needs only."""

_UNKNOWN_CODE = "NOSUCHCODE"
_MOST_TYPOS = 20
"""Unknown codes that a replay enters: many more, and the server would take the shop for a guesser."""

_WAITING = 4
"""Events that wait for each checkout: enough to keep it busy, few enough to read a file of any size."""


@dataclass(frozen=True, slots=True)
class Discounted:
    """An order that got a discount, as far as a later cancellation needs it."""

    order: Order
    redemption_id: str


class Player:
    """Plays the events of one replay; `run` sets its request ids apart from those of others."""

    def __init__(
        self, client: PromoClient, currency: str, wallet: Wallet, behaviour: Behaviour, tally: Tally, run: str
    ) -> None:
        """Keep what playing needs."""
        self._client = client
        self._currency = currency
        self._wallet = wallet
        self._behaviour = behaviour
        self._tally = tally
        self._run = run
        self._typos = 0
        self._discounted: dict[str, list[Discounted]] = {}

    async def play(self, events: Iterable[Event], checkouts: int, step: Callable[[], None]) -> None:
        """Play all events; raise the first failure that is no refusal."""
        queues: list[asyncio.Queue[Event | None]] = [asyncio.Queue(_WAITING) for _ in range(checkouts)]
        try:
            async with asyncio.TaskGroup() as group:
                for queue in queues:
                    group.create_task(self._checkout(queue, step))
                for event in events:
                    if isinstance(event, Skipped):
                        self._tally.skip(event)
                        continue
                    # One customer, one queue: who buys twice buys in the order of the file.
                    place = zlib.crc32(event.customer.encode()) % checkouts
                    await queues[place].put(event)
                for queue in queues:
                    await queue.put(None)
        except ExceptionGroup as failures:
            # The first of several equal ones is enough. Not `except*`: early 3.11 wraps what that raises again.
            raise failures.exceptions[0] from None

    async def _checkout(self, queue: asyncio.Queue[Event | None], step: Callable[[], None]) -> None:
        while (event := await queue.get()) is not None:
            if isinstance(event, Order):
                await self._buy(event)
            elif isinstance(event, Cancellation):
                await self._cancel(event)
            step()

    async def _buy(self, bought: Order) -> None:
        self._tally.add_order(bought)
        code = self._wallet.codes.get(bought.customer)
        if code is None:
            self._tally.skip(Skipped(Skip.NO_CODE, f"order {bought.number}"))
            return
        choices = self._behaviour.choices(bought)
        cart = self._message(bought)
        if choices.mistypes and self._typos < _MOST_TYPOS:
            self._typos += 1
            await self._validate(_UNKNOWN_CODE, bought, cart)
        await self._validate(code, bought, cart)
        redemption = await self._redeem(code, bought, cart, "", repeats=choices.repeats)
        if redemption is None:
            return
        if choices.tries_again:
            await self._redeem(code, bought, cart, ".again")
        if choices.borrows and self._wallet.spare:
            spare = self._wallet.spare[zlib.crc32(bought.number.encode()) % len(self._wallet.spare)]
            await self._redeem(spare, bought, cart, ".borrowed")
        if choices.cancels:
            await self._roll_back(bought, redemption.id, "order cancelled", choices)
        else:
            self._discounted.setdefault(bought.customer, []).append(Discounted(bought, redemption.id))

    def _message(self, bought: Order) -> OrderMessage:
        if len(bought.lines) > _MOST_LINES:
            return order(self._currency, amount=bought.amount, source_id=bought.number)
        lines = [item(line.product, price=line.price, quantity=line.quantity) for line in bought.lines]
        return order(self._currency, lines, source_id=bought.number)

    async def _validate(self, code: str, bought: Order, cart: OrderMessage) -> None:
        """Ask what a code would do: a shopper sees that before paying."""
        try:
            with self._tally.timed("validate"):
                answer = await self._client.validate(codes=[code], order=cart, customer=bought.customer)
        except PromoError as error:
            self._tally.declined[refusal(error)] += 1
            return
        if not answer.valid:
            self._tally.declined[name_of(answer.results[0].refusal.reason)] += 1

    async def _redeem(
        self, code: str, bought: Order, cart: OrderMessage, attempt: str, *, repeats: bool = False
    ) -> Redemption | None:
        """Use a code, whatever the validation has said: it was advice, and only this step counts."""
        request_id = f"{self._run}.{bought.number}{attempt}"

        async def call(kind: str) -> Redemption:
            with self._tally.timed(kind):
                return await self._client.redeem(
                    codes=[code], order=cart, customer=bought.customer, request_id=request_id
                )

        try:
            redemption = await call("redeem")
        except PromoError as error:
            self._tally.refused[refusal(error)] += 1
            return None
        self._tally.redeemed += 1
        self._tally.discount += redemption.order.total_discount_amount
        if repeats:
            self._count_repeat(request_id, redemption, await call("redeem, repeated"))
        return redemption

    async def _cancel(self, cancelled: Cancellation) -> None:
        """Undo the latest discounted order of the customer that is cancelled, if all of it is."""
        found = Skip.UNKNOWN_CANCELLATION
        for discounted in reversed(self._discounted.get(cancelled.customer, [])):
            bought = quantities(discounted.order.lines)
            if bought == cancelled.quantities:
                self._discounted[cancelled.customer].remove(discounted)
                choices = self._behaviour.choices(discounted.order)
                await self._roll_back(discounted.order, discounted.redemption_id, cancelled.number, choices)
                return
            if bought & cancelled.quantities:
                found = Skip.PARTIAL_CANCELLATION
        self._tally.skip(Skipped(found, f"invoice {cancelled.number}"))

    async def _roll_back(self, bought: Order, redemption_id: str, reason: str, choices: Choices) -> None:
        request_id = f"{self._run}.{bought.number}.cancel"
        try:
            with self._tally.timed("rollback"):
                first = await self._client.rollback(redemption_id, reason=reason, request_id=request_id)
        except PromoError as error:
            self._tally.refused[refusal(error)] += 1
            return
        self._tally.rolled_back += 1
        self._tally.returned += first.returned_discount_amount
        if choices.repeats:
            with self._tally.timed("rollback, repeated"):
                again = await self._client.rollback(redemption_id, reason=reason, request_id=request_id)
            self._count_repeat(request_id, first, again)

    def _count_repeat(self, request_id: str, first: Message, again: Message) -> None:
        self._tally.repeats += 1
        if first != again:
            self._tally.wrong_repeats.append(request_id)
