"""The load test stays alive: shoppers over gRPC for ten seconds, on one process and on a master with workers."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.server_process import KEY, ServerProcess

REPOSITORY = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("locust") is None,
    reason="locust is not installed: pip install --require-hashes -r requirements/bench.txt",
)


def load(server: ServerProcess, *options: str) -> dict[str, dict[str, dict[str, int]]]:
    command = [sys.executable, "-m", "benchmarks.swarm", "grpc", "--host", server.target, "--json", *options]
    ended = subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**os.environ, "PROMO_LOCUST_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr[-4000:]
    result: dict[str, dict[str, dict[str, int]]] = json.loads(ended.stdout)
    return result


@pytest.mark.parametrize("processes", [(), ("--processes", "2")], ids=["one process", "master and workers"])
def test_shoppers_get_what_they_expect_in_the_mix_that_is_promised(
    server: ServerProcess,
    processes: tuple[str, ...],
) -> None:
    result = load(server, "--users", "8", "--run-time", "10s", *processes)
    assert result["failed"] == {}
    counts = {name: entry["requests"] for name, entry in result["methods"].items()}
    assert counts["grpc Validate"] > counts["grpc Redeem"] > counts["grpc Publish"] > 0
    assert all(entry["p50_ms"] <= entry["p99_ms"] for entry in result["methods"].values())
