"""Plain store servers for tests of the function library: one node, or a cluster of three."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis
from redis.cluster import ClusterNode, RedisCluster
from support.commit import library

from promo_server.embedded.binary import find_server

_SECONDS = 30
_SLOTS = 16384


@contextmanager
def node(folder: Path) -> Iterator[redis.Redis]:
    """Yield a client of a server of its own on a socket."""
    path = folder / "s"
    with _running(folder, "--port", "0", "--unixsocket", str(path)), redis.Redis(unix_socket_path=str(path)) as client:
        _until(client.ping)
        yield client


@contextmanager
def cluster(folder: Path) -> Iterator[RedisCluster]:
    """Yield a client of a cluster of three nodes with the function library on each."""
    ports = [_free_port() for _ in range(3)]
    with ExitStack() as stack:
        clients = []
        for number, port in enumerate(ports):
            home = folder / str(number)
            home.mkdir()
            stack.enter_context(_running(home, "--port", str(port), "--cluster-enabled", "yes"))
            client = stack.enter_context(redis.Redis(port=port))
            _until(client.ping)
            client.execute_command("FUNCTION", "LOAD", library())
            first, last = number * _SLOTS // 3, (number + 1) * _SLOTS // 3 - 1
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            clients.append(client)
        for port in ports[1:]:
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", port)
        for client in clients:
            _until(lambda client=client: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"))  # type: ignore[misc]
        yield stack.enter_context(RedisCluster(startup_nodes=[ClusterNode("127.0.0.1", port) for port in ports]))


@contextmanager
def _running(folder: Path, *options: str) -> Iterator[None]:
    command = [str(find_server(None)), "--dir", str(folder), "--save", "", *options]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(_SECONDS)


def _until(ready: Callable[[], object]) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            if ready():
                return
        except redis.RedisError:
            pass
        assert time.monotonic() < deadline, "the store did not start"
        time.sleep(0.02)


def _free_port() -> int:
    # The bus of a cluster listens 10,000 above, so the port must be low enough.
    while True:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = int(listener.getsockname()[1])
        if port < 55_000:
            return port
