"""What the workers measure. The two kinds of them run in two processes, so no metric may be in both."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class ArchiveMetrics:
    """Metrics of what fills the archive, in the registry that is passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics."""
        self.projected = Counter(
            "promo_projection_entries_total",
            "Ledger entries that were written to the archive.",
            registry=registry,
        )
        self.lag_seconds = Gauge(
            "promo_projection_lag_seconds",
            "Age of the oldest ledger entry that the archive lacks.",
            registry=registry,
        )
        self.conflicts = Counter(
            "promo_projection_slot_conflicts_total",
            "Uses whose slot of a limit was active already: limits that were passed.",
            registry=registry,
        )
        self.missing = Counter(
            "promo_projection_missing_total",
            "Ledger entries that the outbox names and the ledger does not have.",
            registry=registry,
        )
        self.set_aside = Counter(
            "promo_projection_set_aside_total",
            "Ledger entries that the archive could not take: see promo ledger verify.",
            registry=registry,
        )
        self.failures = Counter(
            "promo_archive_failures_total",
            "Rounds of the archive's workers that failed and are tried again.",
            ["worker"],
            registry=registry,
        )


class WorkerMetrics:
    """Metrics of the workers in the server's own process, in the registry that is passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics."""
        self.failures = Counter(
            "promo_worker_failures_total",
            "Rounds of a worker that failed and are tried again.",
            ["worker"],
            registry=registry,
        )
        self.pending_definitions = Gauge(
            "promo_pending_definitions",
            "Changes of definitions that the store does not have yet.",
            registry=registry,
        )
