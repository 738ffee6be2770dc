"""A worker survives whatever its steps raise."""

from __future__ import annotations

import asyncio
import logging
import sqlite3

import pytest

from promo_adapters.base import worker as module
from promo_adapters.base.backoff import Backoff
from promo_adapters.base.worker import Worker

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("error", [sqlite3.OperationalError("locked"), UnicodeError("odd key"), KeyError("defect")])
async def test_a_step_that_fails_is_tried_again(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_AFTER_DEFECTS", Backoff(0.01, 0.02))
    monkeypatch.setattr(module, "_IDLE_SECONDS", 0.01)
    seen: list[bool] = []

    async def step() -> float | None:
        seen.append(worker.failing)
        if len(seen) < 4:
            # News come all the time.
            worker.notify()
            raise error
        worker.stop()
        return None

    worker = Worker("w", step)
    with caplog.at_level(logging.ERROR):
        async with asyncio.timeout(10):
            await worker.run()
    foreseen = isinstance(error, sqlite3.Error)
    assert seen == [False, not foreseen, not foreseen, not foreseen]
    assert not worker.failing
    assert [record.message.partition(" ")[0] for record in caplog.records] == [
        "w.database_failed" if foreseen else "w.step_failed"
    ] * 3


async def test_a_worker_that_fails_is_stopped_while_it_waits() -> None:
    async def step() -> None:
        raise ZeroDivisionError

    worker = Worker("w", step)
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(0)
    worker.stop()
    async with asyncio.timeout(10):
        await running
