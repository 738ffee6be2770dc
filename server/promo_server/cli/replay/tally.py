"""What a replay counts."""

from __future__ import annotations

import math
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from promo_server.cli.replay.events import Order, Skip, Skipped

_EXAMPLES = 3
"""Things left out for the same reason that are named; the others are counted."""


@dataclass(slots=True)
class Tally:
    """What happened so far; amounts in minor units."""

    orders: int = 0
    lines: int = 0
    order_amount: int = 0
    customers: int = 0
    codes: int = 0
    redeemed: int = 0
    discount: int = 0
    rolled_back: int = 0
    returned: int = 0
    repeats: int = 0
    wrong_repeats: list[str] = field(default_factory=list)
    """Request ids whose second answer was not the first."""
    unpublished: Counter[str] = field(default_factory=Counter)
    """Customers who got no code, by reason."""
    declined: Counter[str] = field(default_factory=Counter)
    """Validations that said no, by reason."""
    refused: Counter[str] = field(default_factory=Counter)
    """Redemptions that were refused, by reason."""
    skipped: Counter[Skip] = field(default_factory=Counter)
    examples: list[Skipped] = field(default_factory=list)
    seconds: dict[str, array[float]] = field(default_factory=dict)
    """How long each call took, by kind."""
    started: float = field(default_factory=time.monotonic)
    finished: float | None = None

    def add_order(self, order: Order) -> None:
        """Count an order."""
        self.orders += 1
        self.lines += len(order.lines)
        self.order_amount += order.amount

    def skip(self, skipped: Skipped) -> None:
        """Count something that is left out."""
        self.skipped[skipped.why] += 1
        if self.skipped[skipped.why] <= _EXAMPLES and skipped.detail:
            self.examples.append(skipped)

    @contextmanager
    def timed(self, kind: str) -> Iterator[None]:
        """Keep how long a call takes, refused or not."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds.setdefault(kind, array("d")).append(time.perf_counter() - begun)

    def finish(self) -> None:
        """Stop the clock."""
        self.finished = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds from the first step to the last."""
        return (self.finished or time.monotonic()) - self.started

    @property
    def calls(self) -> int:
        """Calls made."""
        return sum(len(some) for some in self.seconds.values())

    @property
    def counting(self) -> int:
        """Redemptions that were not rolled back."""
        return self.redeemed - self.rolled_back

    @property
    def given(self) -> int:
        """Discount of the redemptions that were not rolled back."""
        return self.discount - self.returned


@dataclass(frozen=True, slots=True)
class Latency:
    """How long calls of one kind took, in milliseconds."""

    kind: str
    calls: int
    p50: float
    p95: float
    p99: float


def latencies(tally: Tally) -> list[Latency]:
    """Return percentiles per kind of call, in the order in which the kinds were first used."""
    found = []
    for kind, seconds in tally.seconds.items():
        ordered = sorted(seconds)
        p50, p95, p99 = (1000 * _percentile(ordered, share) for share in (0.50, 0.95, 0.99))
        found.append(Latency(kind, len(ordered), p50, p95, p99))
    return found


def _percentile(ordered: list[float], share: float) -> float:
    """Return the nearest-rank percentile."""
    return ordered[math.ceil(share * len(ordered)) - 1]
