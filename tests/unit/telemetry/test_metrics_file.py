from __future__ import annotations

import os
import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter

from promo_server.telemetry.metrics_file import read_metrics, write_metrics


def test_metrics_are_those_that_were_written_last(tmp_path: Path) -> None:
    path, registry = tmp_path / "archive.metrics", CollectorRegistry()
    assert read_metrics(path) == b""
    rounds = Counter("rounds", "Rounds.", registry=registry)
    write_metrics(path, registry)
    rounds.inc(3)
    write_metrics(path, registry)
    assert b"rounds_total 3.0" in read_metrics(path)


def test_metrics_of_a_process_that_stopped_writing_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "archive.metrics"
    write_metrics(path, CollectorRegistry())
    os.utime(path, (time.time() - 3_600,) * 2)
    assert read_metrics(path) == b""
