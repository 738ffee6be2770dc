"""Metrics of a process beside the server's, handed over in a file."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import structlog

_SUFFIX = ".prom"
_WRITE_SECONDS = 1.0
_FRESH_SECONDS = 30.0
"""How old metrics may be: those of a process that hangs or is gone would stand still, as if all was well."""

_log = structlog.get_logger(__name__)


def metrics_file(folder: Path, process: str) -> Path:
    """Return where a process of that name writes."""
    return folder / f"{process}{_SUFFIX}"


@contextlib.asynccontextmanager
async def metrics_written(path: Path, text: Callable[[], bytes]) -> AsyncIterator[None]:
    """Write what `text` returns, every second while the block runs."""
    task = asyncio.create_task(_keep_writing(path, text))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _keep_writing(path: Path, text: Callable[[], bytes]) -> None:
    while True:
        try:
            write_metrics(path, text())
        except OSError as error:
            # A full disk under the metrics need not be that of anything else.
            _log.warning("metrics.not_written", path=str(path), error=str(error))
        await asyncio.sleep(_WRITE_SECONDS)


def write_metrics(path: Path, text: bytes) -> None:
    """Write a text; a reader finds the old one or the new one, never a part."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(text)
    partial.replace(path)


def forget_metrics(folder: Path) -> None:
    """Forget what processes of an earlier server have written."""
    for path in folder.glob(f"*{_SUFFIX}"):
        path.unlink(missing_ok=True)


def read_metrics(folder: Path) -> dict[str, str]:
    """Return, by process, what was written last and not long ago."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime < _FRESH_SECONDS:
                found[path.stem] = path.read_text(encoding="utf-8")
    return found
