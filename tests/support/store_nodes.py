"""Plain store servers, which nobody supervises: nodes that tests stop, kill and promote, and a cluster of three."""

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
_NOTHING_LOST = ("--appendonly", "yes", "--appendfsync", "always")
"""What the documentation asks of a store."""
_ALWAYS = ("--bind", "127.0.0.1", "--save", "", "--repl-diskless-sync-delay", "0")
"""A primary would wait five seconds for further replicas."""


class StoreNode:
    """A server of its own at a port of 127.0.0.1, whose data is in a folder; `options` are of its command line."""

    def __init__(self, folder: Path, program: Path, *options: str) -> None:
        """Make the folder; nothing runs yet."""
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._folder = folder
        self._program = program
        self._options = options or _NOTHING_LOST
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """URL by which it is reached."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None, "the store was not started"
        return self._process.pid

    def client(self) -> redis.Redis:
        """Return a client of it; close it after use."""
        return redis.Redis(port=self.port)

    def start(self) -> None:
        """Return when it answers, with the data that is in its folder."""
        command = [str(self._program), "--dir", str(self._folder), "--port", str(self.port), *_ALWAYS]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([*command, *self._options], stdout=log, stderr=log)
        with self.client() as client:
            until(client.ping)

    def follow(self, primary: StoreNode) -> None:
        """Become a replica, and return when it has what the primary has."""
        with self.client() as client:
            client.replicaof("127.0.0.1", primary.port)
            until(lambda: client.info("replication").get("master_link_status") == "up")
        self.wait_for(primary)

    def wait_for(self, primary: StoreNode) -> None:
        """Return when the replica has everything that its primary has written."""
        with self.client() as client, primary.client() as of_primary:
            until(lambda: _offset(client, "slave_repl_offset") >= _offset(of_primary, "master_repl_offset"))

    def take_port(self, port: int) -> None:
        """Answer at another port, as a machine that an address is moved to; connections that are there stay."""
        with self.client() as client:
            client.config_set("port", port)
        self.port = port

    def stop(self) -> None:
        """Stop it as for maintenance."""
        self._end(subprocess.Popen.terminate)

    def kill(self) -> None:
        """Kill it at this instant."""
        self._end(subprocess.Popen.kill)

    def close(self) -> None:
        """Leave nothing running."""
        if self._process is not None:
            self.kill()

    def _end(self, how: Callable[[subprocess.Popen[bytes]], None]) -> None:
        assert self._process is not None, "the store was not started"
        how(self._process)
        self._process.wait(_SECONDS)
        self._process = None


@contextmanager
def cluster(folder: Path) -> Iterator[RedisCluster]:
    """Yield a client of a cluster of three nodes with the function library on each."""
    nodes = [StoreNode(folder / str(number), find_server(None), "--cluster-enabled", "yes") for number in range(3)]
    with ExitStack() as stack:
        clients = []
        for number, node in enumerate(nodes):
            stack.callback(node.close)
            node.start()
            client = stack.enter_context(node.client())
            client.execute_command("FUNCTION", "LOAD", library())
            first, last = number * _SLOTS // 3, (number + 1) * _SLOTS // 3 - 1
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            clients.append(client)
        for node in nodes[1:]:
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", node.port)
        for client in clients:
            until(lambda client=client: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"))  # type: ignore[misc]
        yield stack.enter_context(RedisCluster(startup_nodes=[ClusterNode("127.0.0.1", node.port) for node in nodes]))


def _offset(client: redis.Redis, name: str) -> int:
    return int(client.info("replication")[name])


def until(ready: Callable[[], object]) -> None:
    """Return once a store says so."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            if ready():
                return
        except redis.RedisError:
            pass
        assert time.monotonic() < deadline, "the store did not get ready"
        time.sleep(0.02)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody has."""
    # The bus of a cluster listens 10,000 above, so the port must be low enough.
    while True:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = int(listener.getsockname()[1])
        if port < 55_000:
            return port
