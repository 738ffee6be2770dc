"""What every adapter counts, in a registry that is passed in."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from promo_adapters.base.queue import Queue

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)

UNREAD: Final = "unread"
"""Route of what was refused before it was a request."""


class RequestMetrics:
    """Counts and times HTTP requests."""

    def __init__(self, adapter: str, registry: CollectorRegistry) -> None:
        """Register the metrics; `adapter` tells those of several adapters apart."""
        self._adapter = adapter
        self._requests = Counter(
            "promo_adapter_requests_total",
            "Answered HTTP requests by route and status; `none` is the status of one whose caller went away.",
            ("adapter", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "promo_adapter_request_seconds",
            "Seconds from the head of an HTTP request to its answer.",
            ("adapter", "route"),
            buckets=_SECONDS,
            registry=registry,
        )

    def answered(self, route: str, status: int | None, seconds: float) -> None:
        """Count a request; `route` is one of few, whatever callers send."""
        self._requests.labels(self._adapter, route, status or "none").inc()
        self._seconds.labels(self._adapter, route).observe(seconds)

    def refused_unread(self, status: int) -> None:
        """Count what was no request, or came too slowly to become one."""
        self._requests.labels(self._adapter, UNREAD, status).inc()


class QueueMetrics:
    """Shows what waits in queues."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics."""
        self._entries = Gauge(
            "promo_adapter_queue_entries",
            "Entries of an adapter's queue that are to be done (pending), wait for something, or were given up (dead).",
            ("queue", "state"),
            registry=registry,
        )
        self._age = Gauge(
            "promo_adapter_queue_age_seconds",
            "Age of the oldest entry of an adapter's queue that is to be done.",
            ("queue",),
            registry=registry,
        )

    def measure(self, connection: sqlite3.Connection, queues: Sequence[Queue], now_ms: int) -> None:
        """Look into the queues."""
        for queue in queues:
            for state, count in queue.open_counts(connection).items():
                self._entries.labels(queue.name, state).set(count)
            oldest_ms = queue.oldest_ms(connection)
            self._age.labels(queue.name).set(0 if oldest_ms is None else max(0, now_ms - oldest_ms) / 1000)
