"""Looks at a store from outside: does it answer, what did it say last."""

from __future__ import annotations

import asyncio
from pathlib import Path

_MAX_LOG_BYTES = 1_000_000
_TAIL_BYTES = 2_000
_ANSWER_SECONDS = 5.0


async def ping(socket: Path) -> bytes:
    """Return the first line of the store's answer to PING, empty when there is none."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(b"PING\r\n")
                return await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return b""


def keep_log_short(log: Path) -> None:
    """Put a log that has grown aside, as `store.log.old`, in place of the one put aside before."""
    if log.exists() and log.stat().st_size > _MAX_LOG_BYTES:
        log.replace(log.with_suffix(".log.old"))


def last_words(log: Path) -> str:
    """Return the last line of the log that says something."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
