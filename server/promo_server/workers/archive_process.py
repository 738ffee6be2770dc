"""The process that fills the archive, beside the server's own.

It has a processor's time, a Python interpreter and a low priority of its own: however much there is to archive, neither
checkouts nor the control plane wait for it. Run by the server as `python -m promo_server.workers.archive_process`, with
its configuration on standard input.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from promo_server.child import READY
from promo_server.sql.database import SqlDatabase
from promo_server.store.client import connect
from promo_server.store.ledger import RedisLedger
from promo_server.telemetry.logs import configure_logs
from promo_server.telemetry.metrics_file import metrics_written
from promo_server.workers.archiver import Archiver
from promo_server.workers.rounds import LedgerRetention

_NICENESS = 10
"""How far below the checkouts' priority: about a tenth of a busy processor, all of an idle one."""


class WorkerEndedError(Exception):
    """A worker has ended by itself; with another process everything begins anew."""


async def run(config: Mapping[str, Any]) -> None:
    """Archive until SIGTERM, or until a worker fails as none should."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    database = SqlDatabase(config["sql_url"])
    store = connect(config["store_url"], timeout_seconds=config["store_timeout_seconds"])
    archiver = Archiver(
        database,
        RedisLedger(store, config["partitions"]),
        _now_ms,
        registry,
        LedgerRetention(config["ledger_age_ms"], config["ledger_entries"]),
    )
    try:
        archiver.start()
        sys.stdout.buffer.write(READY)
        sys.stdout.buffer.flush()
        async with metrics_written(Path(config["metrics_file"]), partial(generate_latest, registry)):
            ends = [asyncio.create_task(event.wait()) for event in (stop, archiver.ended)]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()
        if not stop.is_set():
            raise WorkerEndedError
    finally:
        await archiver.stop()
        await store.aclose()
        await database.close()


def main() -> None:
    """Read the configuration and archive."""
    config = json.loads(sys.stdin.buffer.read())
    configure_logs(config["log_level"], config["log_format"])
    os.nice(_NICENESS)
    uvloop.run(run(config))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    main()
