"""The load tests stay alive: shoppers over gRPC and REST for ten seconds, also on a master with workers."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.server_process import KEY, ServerProcess

REPOSITORY = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("locust") is None,
    reason="locust is not installed: pip install --require-hashes -r requirements/bench.txt",
)


def load(users_of: str, host: str, *options: str) -> dict[str, dict[str, dict[str, int]]]:
    command = [sys.executable, "-m", "benchmarks.swarm", users_of, "--host", host, "--json", *options]
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


def require_the_promised_mix(result: dict[str, dict[str, dict[str, int]]], method: str) -> None:
    assert result["failed"] == {}
    counts = {name.removeprefix(f"{method} "): entry["requests"] for name, entry in result["methods"].items()}
    assert counts["Validate"] > counts["Redeem"] > counts["Publish"] > counts["Rollback"] > 0
    assert all(entry["p50_ms"] <= entry["p99_ms"] for entry in result["methods"].values())


@pytest.mark.parametrize("processes", [(), ("--processes", "2")], ids=["one process", "master and workers"])
def test_shoppers_get_what_they_expect_in_the_mix_that_is_promised(
    server: ServerProcess,
    processes: tuple[str, ...],
) -> None:
    result = load("grpc", server.target, "--users", "8", "--run-time", "10s", *processes)
    require_the_promised_mix(result, "grpc")


def test_shoppers_over_rest_do_too(new_server: Callable[..., ServerProcess]) -> None:
    server = new_server(PROMO_HTTP__LISTEN="127.0.0.1:0")
    result = load("rest", f"http://{server.rest}", "--users", "8", "--run-time", "10s", "--grpc", server.target)
    require_the_promised_mix(result, "POST")
