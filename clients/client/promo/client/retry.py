"""When and after how long a failed call is made again."""

from __future__ import annotations

import dataclasses
import random

from promo.client.errors import PromoError
from promo.client.reasons import Retry


@dataclasses.dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter, inside the call's deadline.

    Only what the catalogue of reasons allows is repeated, and a mutation only
    with the request id of its first attempt.
    """

    attempts: int = 5
    """Attempts in all; 1 turns retries off."""
    first_delay: float = 0.05
    """Upper bound of the first delay, seconds."""
    multiplier: float = 2.0
    """Growth of that bound with each attempt."""
    longest_delay: float = 1.0
    """Where the bound stops growing, seconds."""

    def delay(self, attempt: int, error: PromoError, *, repeatable: bool) -> float | None:
        """Return the seconds to wait after attempt 1, 2, ... failed; None to give up.

        A call that is not `repeatable` is made again only when the server says
        that it refused the call before doing anything.
        """
        if attempt >= self.attempts:
            return None
        # Jitter keeps callers that failed together from coming back together.
        bound = min(self.first_delay * self.multiplier ** (attempt - 1), self.longest_delay)
        jitter = random.uniform(0.0, bound)  # noqa: S311  nothing secret depends on it
        if error.retry is Retry.AFTER_DELAY:
            return (error.retry_after or 0.0) + jitter
        if error.retry is Retry.SAME_REQUEST and repeatable:
            return jitter
        return None
