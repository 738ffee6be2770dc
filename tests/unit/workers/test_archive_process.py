from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from promo_server.embedded import EmbeddedStore
from promo_server.workers.archive_process import WorkerEndedError, run
from promo_server.workers.rounds import TrimRounds

pytestmark = pytest.mark.asyncio


async def test_the_process_ends_when_one_of_its_workers_has_ended_by_itself(
    tmp_path: Path, embedded_store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def torn(_self: TrimRounds) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(TrimRounds, "__call__", torn)
    config = {
        "sql_url": f"sqlite:///{tmp_path}/promo.sqlite",
        "store_url": embedded_store.url,
        "store_timeout_seconds": 2.0,
        "partitions": 4,
        "ledger_age_ms": 1_000,
        "ledger_entries": 1_000,
        "metrics_file": str(tmp_path / "metrics"),
    }
    async with asyncio.timeout(30):
        with pytest.raises(WorkerEndedError):
            await run(config)
