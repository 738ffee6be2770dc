"""Metrics of a process beside the server's, handed over in a file."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest


def write_metrics(path: Path, registry: CollectorRegistry) -> None:
    """Write what a registry has; a reader finds the old text or the new one, never a part."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(generate_latest(registry))
    partial.replace(path)


def read_metrics(path: Path) -> bytes:
    """Return what was written last; nothing before the first time."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
