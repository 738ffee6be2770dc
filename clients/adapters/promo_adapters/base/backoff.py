"""How long to wait before another attempt."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double up to a bound, each shortened at random by up to a half.

    Jitter keeps what failed together from coming back together.
    """

    first_seconds: float
    longest_seconds: float

    def milliseconds(self, failures: int) -> int:
        """Return the wait after that many failed attempts, 1 or more."""
        exponent = min(failures - 1, 40)
        bound = min(self.first_seconds * 2.0**exponent, self.longest_seconds)
        return int(1000 * bound * random.uniform(0.5, 1.0))  # noqa: S311 - nothing secret depends on it
