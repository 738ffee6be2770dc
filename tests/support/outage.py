"""What tests of outages have in common: impatient callers, stopped processes, and waiting for the end of it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from support.server_process import KEY
from support.shop import CART, OK, ending, race

from promo.client import Campaign, PromoClient, RetryPolicy

DEADLINE = 4.0
"""More than the server waits for its store."""


def impatient(target: str, *, key: str = KEY, timeout: float = DEADLINE) -> PromoClient:
    """Return a client that makes each call once."""
    return PromoClient.connect(target, key=key, timeout=timeout, retry=RetryPolicy(attempts=1))


async def until_answered(client: PromoClient, code: str, expected: str) -> None:
    """Return once a code is validated with this ending."""
    async with asyncio.timeout(30):
        while await ending(client.validate(codes=[code], order=CART)) != expected:
            await asyncio.sleep(0.02)


async def until_served(client: PromoClient, code: str) -> None:
    """Return once calls are answered again."""
    await until_answered(client, code, OK)


async def refusals_of(client: PromoClient, campaign: Campaign, code: str) -> set[str]:
    """Make hot calls of every kind, and return how they ended, each within its deadline."""
    calls = [
        client.redeem(codes=[code], order=CART),
        client.validate(codes=[code], order=CART),
        client.publish(campaign=campaign.name, customer="a"),
        client.redemptions.get("r_0000000000000000"),
        client.vouchers.get(code),
        client.sessions.get("some-session"),
    ]
    begun = time.monotonic()
    endings = await race(calls)
    assert time.monotonic() - begun < DEADLINE + 1
    return set(endings)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process for a while, as a machine that swaps does."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
