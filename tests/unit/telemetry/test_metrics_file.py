from __future__ import annotations

import asyncio
import os
import time
from itertools import count
from pathlib import Path

import pytest

from promo_server.telemetry.metrics_file import (
    forget_metrics,
    metrics_file,
    metrics_written,
    read_metrics,
    write_metrics,
)


def test_metrics_are_those_that_each_process_wrote_last(tmp_path: Path) -> None:
    assert read_metrics(tmp_path) == {}
    for text in (b"rounds_total 1.0\n", b"rounds_total 3.0\n"):
        write_metrics(metrics_file(tmp_path, "archive"), text)
    write_metrics(metrics_file(tmp_path, "rest-0"), b"")
    assert read_metrics(tmp_path) == {"archive": "rounds_total 3.0\n", "rest-0": ""}
    forget_metrics(tmp_path)
    assert read_metrics(tmp_path) == {}


def test_metrics_of_a_process_that_stopped_writing_are_not_shown(tmp_path: Path) -> None:
    path = metrics_file(tmp_path, "archive")
    write_metrics(path, b"rounds_total 1.0\n")
    os.utime(path, (time.time() - 3_600,) * 2)
    assert read_metrics(tmp_path) == {}


@pytest.mark.asyncio
async def test_metrics_are_written_while_the_block_runs_and_go_on_when_the_disk_has_room_again(tmp_path: Path) -> None:
    folder, rounds = tmp_path / "later", count()

    def text() -> bytes:
        return f"rounds_total {next(rounds)}\n".encode()

    async with metrics_written(metrics_file(folder, "archive"), text):
        await asyncio.sleep(0.1)
        folder.mkdir()
        while not read_metrics(folder):
            await asyncio.sleep(0.01)
    assert read_metrics(folder)["archive"].startswith("rounds_total ")
