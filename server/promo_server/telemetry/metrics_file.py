"""Metrics of a process beside the server's, handed over in a file."""

from __future__ import annotations

import time
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

_FRESH_SECONDS = 30.0
"""How old metrics may be: those of a process that hangs or is gone would stand still, as if all was well."""


def write_metrics(path: Path, registry: CollectorRegistry) -> None:
    """Write what a registry has; a reader finds the old text or the new one, never a part."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(generate_latest(registry))
    partial.replace(path)


def read_metrics(path: Path) -> bytes:
    """Return what was written last; nothing before the first time, and when that is long ago."""
    try:
        age = time.time() - path.stat().st_mtime
        return path.read_bytes() if age < _FRESH_SECONDS else b""
    except FileNotFoundError:
        return b""
