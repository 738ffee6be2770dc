"""What shoppers and shops do beside buying: retry, cancel, try a code again. The same seed gives the same choices."""

from __future__ import annotations

import random
from dataclasses import dataclass

from promo_server.cli.replay.events import Order


@dataclass(frozen=True, slots=True)
class Choices:
    """What is done about one order."""

    repeats: bool
    """The shop lost the answer and sends the same request again."""
    cancels: bool
    """The customer cancels the whole order."""
    tries_again: bool
    """The customer tries the used code once more."""
    borrows: bool
    """The customer tries a code of somebody else after an own one."""
    mistypes: bool
    """The customer enters a code that does not exist first."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Shares of orders for which something is done, in percent."""

    repeats: float = 0
    cancels: float = 0
    tries_again: float = 0
    borrows: float = 0
    mistypes: float = 0
    seed: int = 1

    def choices(self, order: Order) -> Choices:
        """Return what is done about an order, whatever was replayed before it."""
        draw = random.Random(f"{self.seed}/{order.number}")  # noqa: S311 - a replay must be repeatable
        return Choices(
            repeats=draw.random() * 100 < self.repeats,
            cancels=draw.random() * 100 < self.cancels,
            tries_again=draw.random() * 100 < self.tries_again,
            borrows=draw.random() * 100 < self.borrows,
            mistypes=draw.random() * 100 < self.mistypes,
        )
