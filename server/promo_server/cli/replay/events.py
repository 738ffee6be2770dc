"""What a replay plays: orders, cancellations, and what had to be left out of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TypeAlias


class Skip(StrEnum):
    """Why something was not replayed, in the words of the report."""

    UNREADABLE_LINE = "line that cannot be read"
    NEGATIVE_LINE = "line with a negative quantity outside a cancellation"
    SCATTERED_LINE = "line of an invoice whose other lines stand further up"
    ANONYMOUS_ORDER = "order without a customer: nobody to hand a code to"
    WORTHLESS_ORDER = "order worth nothing"
    NO_CODE = "order of a customer who could not be given a code"
    UNKNOWN_CANCELLATION = "cancellation of no order that got a discount here"
    PARTIAL_CANCELLATION = "cancellation of a part of an order, whose discount stays"


@dataclass(frozen=True, slots=True)
class Line:
    """Some units of a product; `price` of one in minor units."""

    product: str
    quantity: int
    price: int


@dataclass(frozen=True)
class Order:
    """What a customer buys at one time."""

    number: str
    customer: str
    lines: tuple[Line, ...]

    @cached_property
    def amount(self) -> int:
        """What it costs before discounts, minor units."""
        return sum(line.quantity * line.price for line in self.lines)


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What a customer gives back, by product."""

    number: str
    customer: str
    quantities: Counter[str]


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something left out: `where` it stands and what is wrong with it."""

    why: Skip
    where: str
    detail: str = ""


Event: TypeAlias = Order | Cancellation | Skipped
"""One step of a replay, in the order of time."""


def quantities(lines: tuple[Line, ...]) -> Counter[str]:
    """Return units by product."""
    units: Counter[str] = Counter()
    for line in lines:
        units[line.product] += line.quantity
    return units
