from __future__ import annotations

import asyncio
import itertools

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


async def test_a_worker_goes_on_however_often_its_round_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promo_server.workers.loop._FIRST_PAUSE_SECONDS", 0.0)
    failed, ran = itertools.count(1), asyncio.Event()

    async def one_round() -> None:
        if next(failed) < 1_200:
            raise DomainError(Reason.STORE_UNAVAILABLE)
        ran.set()

    loop = WorkerLoop("w", one_round, 0.0, WorkerMetrics(CollectorRegistry()).failures)
    loop.start()
    async with asyncio.timeout(30):
        await ran.wait()
    await loop.stop()


async def _torn() -> None:
    """Fail a round as no error of its own does."""
    inner = asyncio.create_task(asyncio.sleep(60))
    inner.cancel()
    await inner


async def test_a_worker_that_ended_by_itself_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promo_server.workers.loop._LONGEST_PAUSE_SECONDS", 0.01)
    torn, ran = [_torn], asyncio.Event()

    async def one_round() -> None:
        if torn:
            await torn.pop()()
        ran.set()

    loop = WorkerLoop("w", one_round, 0.001, WorkerMetrics(CollectorRegistry()).failures)
    loop.start()
    async with asyncio.timeout(10):
        await ran.wait()
    await loop.stop()
    loop.start()
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_worker_that_ended_by_itself_tells_who_asked_to_be_told() -> None:
    told = asyncio.Event()
    loop = WorkerLoop("w", _torn, 0.001, WorkerMetrics(CollectorRegistry()).failures, told.set)
    loop.start()
    async with asyncio.timeout(10):
        await told.wait()
    await loop.stop()
