"""Default deadlines of calls."""

from __future__ import annotations

import dataclasses

from promo.client.methods import Pace


@dataclasses.dataclass(frozen=True, slots=True)
class Timeouts:
    """Default deadlines of calls, retries included, in seconds."""

    hot: float = 2.0
    """What a shopper waits for: validate, redeem, roll back, publish, look up."""
    batch: float = 10.0
    """Their batch forms."""
    managed: float = 30.0
    """Everything else. An export may take longer, but not without a piece."""

    def of(self, pace: Pace) -> float:
        """Return the default deadline of a method."""
        return {Pace.HOT: self.hot, Pace.BATCH: self.batch, Pace.MANAGED: self.managed}[pace]
