"""What is measured of Braze."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from promo_adapters.braze.track import Ending

_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class BrazeMetrics:
    """Metrics of what is sent to Braze, in the registry that is passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics."""
        self._seconds = Histogram(
            "promo_braze_request_seconds",
            "Seconds that a request to Braze took, by how it ended.",
            ("ending",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._objects = Counter(
            "promo_braze_objects_total",
            "Objects that are not sent any more: acknowledged, refused, or given up after too many failures.",
            ("outcome",),
            registry=registry,
        )

    def requested(self, ending: Ending, seconds: float) -> None:
        """Count a request."""
        self._seconds.labels(ending.value.replace(" ", "_")).observe(seconds)

    def settled(self, outcome: str, count: int) -> None:
        """Count objects: "acknowledged", "refused" or "given_up"."""
        self._objects.labels(outcome).inc(count)
