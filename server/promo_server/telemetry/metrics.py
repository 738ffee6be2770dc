"""The control plane's metrics, and the pages that join both planes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from promo_server.telemetry.endpoint import Page

_CALL_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class ControlPlaneMetrics:
    """What the control plane counts, in a registry of its own: no state is shared by the whole process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._calls = Histogram(
            "promo_control_call_seconds",
            "Seconds that a call of the control plane took.",
            ("method", "code"),
            buckets=_CALL_BUCKETS,
            registry=self.registry,
        )

    def observe_call(self, method: str, code: str, seconds: float) -> None:
        """Count one finished call by its full method name and the name of its gRPC code."""
        self._calls.labels(method, code).observe(seconds)

    def count_restarts(self, restarts: Callable[[], int]) -> None:
        """Show how often the embedded store died and was started again."""
        self.registry.register(_Restarts(restarts))


class _Restarts(Collector):
    def __init__(self, restarts: Callable[[], int]) -> None:
        self._restarts = restarts

    def collect(self) -> list[CounterMetricFamily]:
        """Return the count as it is now."""
        name = "promo_embedded_store_restarts"
        return [CounterMetricFamily(name, "Times that the embedded store died and was restarted.", self._restarts())]


class _Families(Collector):
    """Metrics of several processes, each family once."""

    def __init__(self) -> None:
        self._families: dict[str, Metric] = {}

    def add(self, metrics: Iterable[Metric], process: str = "") -> None:
        """Add the metrics of a process; the server's own series carry no name."""
        label = {"process": process} if process else {}
        for metric in metrics:
            found = self._families.get(metric.name)
            if found is None:
                found = self._families[metric.name] = Metric(metric.name, metric.documentation, metric.type)
            found.samples.extend(sample._replace(labels={**sample.labels, **label}) for sample in metric.samples)

    def collect(self) -> Iterable[Metric]:
        """Return all."""
        return self._families.values()


def metrics_page(control: Collector, data_plane: Callable[[], str], others: Callable[[], Mapping[str, str]]) -> Page:
    """Return the /metrics page: of both planes, and of the processes beside the server, whose series name them."""

    def page() -> tuple[HTTPStatus, str, bytes]:
        families = _Families()
        families.add(text_string_to_metric_families(data_plane()))
        families.add(control.collect())
        for process, text in others().items():
            families.add(text_string_to_metric_families(text), process)
        return HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(families)

    return page


def health_page(checks: Callable[[], dict[str, bool]]) -> Page:
    """Return the /healthz page: 200 when every check holds, else 503; the body names each."""

    def page() -> tuple[HTTPStatus, str, bytes]:
        results = checks()
        healthy = all(results.values())
        body = json.dumps({"status": "ok" if healthy else "failing", "checks": results}).encode() + b"\n"
        return HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE, "application/json", body

    return page
