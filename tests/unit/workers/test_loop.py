from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason
from promo_server.workers.loop import WorkerLoop
from promo_server.workers.metrics import WorkerMetrics

pytestmark = pytest.mark.asyncio


async def test_a_worker_goes_on_after_failures_and_stops_after_its_round() -> None:
    registry, ran = CollectorRegistry(), asyncio.Event()
    errors = [DomainError(Reason.STORE_UNAVAILABLE), ZeroDivisionError()]
    finished: list[bool] = []

    async def one_round() -> None:
        if errors:
            raise errors.pop()
        ran.set()
        await asyncio.sleep(0.05)
        finished.append(True)

    loop = WorkerLoop("w", one_round, 0.001, WorkerMetrics(registry).failures)
    loop.start()
    await asyncio.wait_for(ran.wait(), 10)
    await loop.stop()
    assert finished
    assert registry.get_sample_value("promo_worker_failures_total", {"worker": "w"}) == 2


async def test_a_round_that_never_ends_does_not_keep_the_worker() -> None:
    started = asyncio.Event()

    async def hang() -> None:
        started.set()
        await asyncio.Event().wait()

    loop = WorkerLoop("w", hang, 0.001, WorkerMetrics(CollectorRegistry()).failures)
    loop.start()
    await started.wait()
    async with asyncio.timeout(5):
        await loop.stop(grace_seconds=0.05)
