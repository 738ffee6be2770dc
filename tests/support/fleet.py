"""Checkouts in processes of their own, each with its own connection and event loop."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from support.server_process import KEY, ServerProcess
from support.shop import ending

from promo.client import PromoClient
from promo.v1.redemption_service_pb2 import RedeemRequest

PROCESSES = 8

IN_FLIGHT = 100
"""Calls of one process at the same time; all together stay below what the server takes at once."""


class Fleet:
    """Processes that redeem at the same time; close it after use."""

    def __init__(self) -> None:
        """Start the processes, which takes a moment."""
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(PROCESSES, mp_context=context)
        # A process that is still starting would leave the race to the others.
        list(self._pool.map(_wake, range(PROCESSES)))

    def redeem(self, server: ServerProcess, requests: Sequence[RedeemRequest]) -> Counter[str]:
        """Share the requests out, make all calls as fast as they go, and count how they ended."""
        bodies = [request.SerializeToString() for request in requests]
        shares = [(server.target, bodies[number::PROCESSES]) for number in range(PROCESSES)]
        return sum(self._pool.map(_redeem, shares), Counter())

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()


def _wake(_number: int) -> None:
    return None


def _redeem(share: tuple[str, list[bytes]]) -> Counter[str]:
    target, bodies = share

    async def run() -> Counter[str]:
        async with PromoClient.connect(target, key=KEY, timeout=30.0) as client:
            room = asyncio.Semaphore(IN_FLIGHT)

            async def redeem(body: bytes) -> str:
                async with room:
                    return await ending(client.redeem(RedeemRequest.FromString(body)))

            return Counter(await asyncio.gather(*map(redeem, bodies)))

    return asyncio.run(run())
