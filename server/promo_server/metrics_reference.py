"""Makes docs/reference/metrics.md from the metrics themselves.

`python -m promo_server.metrics_reference PATH` writes it; a test fails when the committed page differs.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from promo_adapters.base.metrics import RequestMetrics
from promo_adapters.punchh.metrics import PunchhMetrics
from promo_server.data_plane import runtime_config
from promo_server.runtime import Runtime
from promo_server.settings import Settings
from promo_server.telemetry.metrics import ControlPlaneMetrics
from promo_server.workers.metrics import ArchiveMetrics, WorkerMetrics

_HEAD = """# Metrics

Generated from the metrics by `python -m promo_server.metrics_reference PATH`; not edited.

`http://HOST:50601/metrics` (`telemetry.listen`) has all of them. Series of processes beside the server's own carry the
label `process`: `archive`, `rest-0` and up, `punchh-0`. Adapters decide hot calls with an engine of their own, so they
have the data plane's metrics too. A process that is started again counts from zero. Memory, processor time and open
files of each process are `process_*`; those of the server's Python are `python_*`.
"""


def markdown() -> str:
    """Return the page."""
    control = ControlPlaneMetrics()
    control.count_restarts(lambda: 0)
    WorkerMetrics(control.registry)
    archive, requests, punchh = CollectorRegistry(), CollectorRegistry(), CollectorRegistry()
    ArchiveMetrics(archive)
    RequestMetrics("rest", requests)
    PunchhMetrics(punchh)
    shared = {metric.name for metric in requests.collect()}
    sections = (
        ("Data plane", text_string_to_metric_families(_data_plane())),
        ("Control plane and its workers", control.registry.collect()),
        ("Archive", archive.collect()),
        ("Every adapter", requests.collect()),
        ("Punchh and Braze", (metric for metric in punchh.collect() if metric.name not in shared)),
    )
    return _HEAD + "".join(_section(title, metrics) for title, metrics in sections)


def _data_plane() -> str:
    """Return what the data plane writes before its first call; no store is asked for it."""
    nowhere = Path("/nowhere")
    runtime = Runtime({**runtime_config(Settings(), f"unix://{nowhere}", bytes(32), nowhere), "worker_threads": 1})
    try:
        return runtime.metrics()
    finally:
        asyncio.run(runtime.drain(0))


def _section(title: str, metrics: Iterable[Metric]) -> str:
    ours = sorted((metric for metric in metrics if metric.name.startswith("promo_")), key=lambda metric: metric.name)
    return f"\n## {title}\n\n| metric | type | what it tells |\n|---|---|---|\n" + "".join(map(_row, ours))


def _row(metric: Metric) -> str:
    name = f"{metric.name}_total" if metric.type == "counter" else metric.name
    return f"| `{name}` | {metric.type} | {metric.documentation} |\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
