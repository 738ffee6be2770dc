"""What is measured of the Punchh adapter."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from promo_adapters.base.metrics import QueueMetrics, RequestMetrics
from promo_adapters.base.queue import State
from promo_adapters.braze.metrics import BrazeMetrics
from promo_adapters.punchh.models import Family


class PunchhMetrics:
    """Metrics of the adapter and of what it is made of, in the registry that is passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics."""
        self.requests = RequestMetrics("punchh", registry)
        self.queues = QueueMetrics(registry)
        self.braze = BrazeMetrics(registry)
        self._events = Counter(
            "promo_punchh_events_total",
            "Events of Punchh that were acknowledged, by family, stored now or known already.",
            ("family", "outcome"),
            registry=registry,
        )
        self._attempts = Counter(
            "promo_punchh_attempts_total",
            "Attempts to work off an event, by what became of it: done, pending (tried again), waiting, dead.",
            ("outcome",),
            registry=registry,
        )
        self._codes = Counter(
            "promo_punchh_codes_total",
            "Events that brought a guest a code.",
            registry=registry,
        )

    def acknowledged(self, family: Family | None, *, new: bool) -> None:
        """Count an event that Punchh need not send again."""
        self._events.labels("other" if family is None else family.value, "stored" if new else "known").inc()

    def attempted(self, state: State, *, published: bool) -> None:
        """Count an attempt to work off an event."""
        self._attempts.labels(state.value).inc()
        if published:
            self._codes.inc()
