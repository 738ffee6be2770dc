"""The options that say what an order is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from promo.client import item
from promo.client import order as build_order
from promo.v1.order_pb2 import Order, OrderItem
from promo_server.cli import money
from promo_server.cli.command_error import CommandError
from promo_server.cli.field_options import Sets
from promo_server.cli.message_file import fill

_ORDER = Group("Order", sort_key=0)

_FORM = "SKU:QUANTITY:PRICE"
_MOST_DIGITS = 18
"""Of a quantity that a message can carry; the server says how many units an order may have."""


def _line_form(_: object, text: str) -> None:
    sku, _, rest = text.rpartition(":")[0].rpartition(":")
    if not sku or not rest.isdecimal() or not text.rpartition(":")[2]:
        raise ValueError(f"It is not of the form {_FORM}, as in mug:2:12.50.")


@Parameter(name="*", group=_ORDER)
@dataclass(frozen=True, slots=True)
class OrderOptions:
    """What is bought: lines, a sum without lines, or a file."""

    item: Annotated[
        tuple[Annotated[str, Parameter(validator=_line_form)], ...],
        Sets("order.items"),
        Parameter(negative=(), help=f"{_FORM}, the price of one: mug:2:12.50. Repeat for each line."),
    ] = ()
    amount: Annotated[str | None, Parameter(help="Sum of an order without lines: 40.00.")] = None
    currency: Annotated[str, Sets("currency_code"), Parameter(help="ISO 4217 code of the prices.")] = ""
    order_id: Annotated[str, Sets("order.source_id"), Parameter(help="The shop's own id of the order.")] = ""
    order: Annotated[
        Path | None,
        Parameter(
            allow_leading_hyphen=True,
            help="JSON or TOML file with an Order, amounts in minor units; - is JSON from standard input.",
        ),
    ] = None

    def build(self) -> Order:
        """Return the order."""
        if self.order is not None:
            if self.item or self.amount is not None or self.currency:
                raise CommandError("--order has the whole order; leave out --item, --amount and --currency")
            order = Order()
            fill(order, self.order)
            order.source_id = self.order_id or order.source_id
            return order
        if not self.item and self.amount is None:
            raise CommandError("say what is bought: --item mug:2:12.50 --currency GBP, or --order FILE.json")
        if self.item and self.amount is not None:
            raise CommandError("--amount is the sum of an order without lines; leave out --item, or --amount")
        if not self.currency:
            raise CommandError("the prices need a currency; add --currency GBP")
        amount = None if self.amount is None else money.parse(self.amount, self.currency, "--amount")
        lines = [self._line(text) for text in self.item]
        return build_order(self.currency, lines, amount=amount, source_id=self.order_id)

    def _line(self, text: str) -> OrderItem:
        rest, _, price = text.rpartition(":")
        sku, _, quantity = rest.rpartition(":")
        if len(quantity) > _MOST_DIGITS:
            raise CommandError(f"--item {text}: more units than any order has")
        unit_price = money.parse(price, self.currency, f"--item {text}")
        return item(sku_id=sku, quantity=int(quantity), price=unit_price)
