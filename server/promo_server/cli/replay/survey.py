"""A first look at what will be replayed: who buys, and how much there is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from promo_server.cli.replay.events import Event, Order, Skipped


@dataclass(slots=True)
class Survey:
    """What a replay consists of."""

    steps: int = 0
    """Orders and cancellations."""
    first_amounts: dict[str, int] = field(default_factory=dict)
    """What each customer's first order costs, minor units, in the order in which the customers come."""

    @property
    def customers(self) -> list[str]:
        """Everybody who buys."""
        return list(self.first_amounts)


def survey(events: Iterable[Event]) -> Survey:
    """Look at all events once."""
    found = Survey()
    for event in events:
        if isinstance(event, Skipped):
            continue
        found.steps += 1
        if isinstance(event, Order):
            found.first_amounts.setdefault(event.customer, event.amount)
    return found
