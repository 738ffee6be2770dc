from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from support import forks
from support.forks import PROMO
from support.server_process import KEY, ServerProcess

from promo_server.state import StateDir

NewServer = Callable[..., ServerProcess]


def get(server: ServerProcess, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(server.http, timeout=5)
    connection.request("GET", path)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def promo(server: ServerProcess, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return forks.run(PROMO, arguments, {**server.environment, **environment})


def promo_json(server: ServerProcess, *arguments: str, **environment: str) -> Any:
    done = promo(server, *arguments, "--json", **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def promo_lines(server: ServerProcess, *arguments: str, **environment: str) -> list[Any]:
    done = promo(server, *arguments, "--json", **environment)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_server_without_any_setting_is_ready_healthy_and_private(tmp_path: Path) -> None:
    with closing(ServerProcess(tmp_path / "s", PROMO_AUTH__BOOTSTRAP_KEYS="")) as server:
        server.start()
        assert get(server, "/healthz")[0] == 200
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in server.state_dir.iterdir()}
        assert stat.S_IMODE(server.state_dir.stat().st_mode) == 0o700
        assert (modes["master.key"], modes["admin.key"]) == (0o600, 0o600)
        # It lies elsewhere when the path of the state directory is too long.
        socket_file = StateDir(server.state_dir).control_socket
        assert stat.S_IMODE(socket_file.stat().st_mode) == 0o600
        assert stat.S_IMODE(socket_file.parent.stat().st_mode) == 0o700
        log = server.log.read_text()
        for name in ("master.key", "admin.key"):
            secret = (server.state_dir / name).read_text().strip().rpartition(":")[2]
            assert secret not in log
            assert secret not in json.dumps(server.ready)


def test_metrics_of_both_planes_are_on_one_page(server: ServerProcess) -> None:
    promo_lines(server, "keys", "list", PROMO_KEY=KEY)
    status, text = get(server, "/metrics")
    assert status == 200
    assert "promo_control_call_seconds_count{" in text
    assert "process_resident_memory_bytes" in text
    families = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]
    assert len(families) == len(set(families))


def test_sigterm_ends_the_server_and_its_store_with_status_0(new_server: NewServer) -> None:
    server = new_server()
    store = server.store_pid
    assert server.stop() == 0
    assert is_gone(store)


@pytest.mark.extended
def test_control_c_ends_the_server_with_status_0(new_server: NewServer) -> None:
    assert new_server().stop(signal.SIGINT) == 0


def test_killed_server_leaves_no_store_and_starts_again_with_its_keys(new_server: NewServer) -> None:
    server = new_server()
    created = promo_json(server, "keys", "create", "--role", "viewer", "--name", "kept")
    store = server.store_pid
    server.kill()
    server.start()
    eventually(lambda: is_gone(store))
    assert created["id"] in [key["id"] for key in promo_lines(server, "keys", "list", PROMO_KEY=created["key"])]


def test_server_outlives_its_store(new_server: NewServer) -> None:
    server = new_server()
    first = server.store_pid
    os.kill(first, signal.SIGKILL)
    eventually(lambda: server.store_pid != first)
    eventually(lambda: get(server, "/healthz")[0] == 200)
    assert server.process.poll() is None
    assert promo_json(server, "keys", "create")["token"]


def test_second_server_on_one_state_directory_is_refused_in_one_line(new_server: NewServer) -> None:
    server = new_server()
    done = promo(server, "serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("promo: ")
    assert f"in use by process {server.process.pid}" in line
    assert get(server, "/healthz")[0] == 200


@pytest.mark.parametrize(
    ("setting", "variable", "option"),
    [
        ("grpc.listen", "PROMO_GRPC__LISTEN", "--listen"),
        pytest.param("http.listen", "PROMO_HTTP__LISTEN", "--rest-listen", marks=pytest.mark.extended),
        pytest.param("telemetry.listen", "PROMO_TELEMETRY__LISTEN", "--metrics-listen", marks=pytest.mark.extended),
    ],
)
def test_port_that_is_taken_is_refused_in_one_line_and_leaves_nothing(
    tmp_path: Path, setting: str, variable: str, option: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = promo(ServerProcess(tmp_path / "other", **{variable: address}), "serve")
    assert done.returncode == 1
    assert done.stderr == f"promo: {setting} {address}: Address already in use; choose another address with {option}\n"
    assert not (tmp_path / "other").exists()


@pytest.mark.extended
def test_two_ports_of_one_server_cannot_be_the_same(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    other = ServerProcess(tmp_path / "other", PROMO_GRPC__LISTEN=address, PROMO_TELEMETRY__LISTEN=address)
    done = promo(other, "serve")
    assert done.stderr.splitlines()[-1].startswith(f"promo: telemetry.listen {address}: Address already in use")


def test_keys_are_made_listed_and_revoked_with_the_generated_admin_key(new_server: NewServer) -> None:
    server = new_server(PROMO_AUTH__BOOTSTRAP_KEYS="")
    created = promo_json(server, "keys", "create", "--role", "checkout", "--role", "publisher", "--name", "web shop")
    assert created["roles"] == ["checkout", "publisher"]
    assert created["key"] == f"{created['id']}:{created['token']}"
    listed = promo_lines(server, "keys", "list")
    assert {key["id"] for key in listed} == {created["id"], *server.ready["key_ids"]}
    assert all("token" not in key for key in listed)
    revoked = promo_json(server, "keys", "revoke", created["id"])
    assert revoked["revoke_time"]
    time.sleep(1)
    refused = promo(server, "keys", "list", PROMO_KEY=created["key"])
    assert refused.returncode == 1
    assert "PROMO_KEY" in refused.stderr


def test_key_without_the_scope_is_refused_in_words(server: ServerProcess) -> None:
    viewer = promo_json(server, "keys", "create", "--role", "viewer", PROMO_KEY=KEY)
    refused = promo(server, "keys", "create", PROMO_KEY=viewer["key"])
    assert refused.returncode == 1
    assert "another role" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.slow
def test_server_and_store_killed_twenty_times_always_come_back(new_server: NewServer) -> None:
    server = new_server()
    for _ in range(20):
        server.kill()
        server.start()
    assert get(server, "/healthz")[0] == 200
