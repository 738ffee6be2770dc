"""How the asyncio client waits. promo.client.sync.waiting is the same for threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator


async def sleep(seconds: float) -> None:
    """Return after `seconds`."""
    await asyncio.sleep(seconds)


async def paced(answers: AsyncIterator[bytes], idle: float) -> AsyncGenerator[bytes, None]:
    """Yield the answers of a stream, and close it at the end.

    Raises TimeoutError when none comes for `idle` seconds. The time that the
    consumer takes between answers does not count.
    """
    try:
        while True:
            try:
                async with asyncio.timeout(idle):
                    answer = await anext(answers)
            except StopAsyncIteration:
                return
            yield answer
    finally:
        close = getattr(answers, "aclose", None)
        if close is not None:
            await close()
