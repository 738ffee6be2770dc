"""The store of a run: the bundled Valkey, fresh, with the same durability for every contestant."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import redis

from benchmarks.processes import StartError, started
from promo_server.embedded.binary import find_server
from promo_server.embedded.memory import ALLOCATOR, HUGE_PAGES

Durability = Literal["always", "everysec", "no"]
"""When the append-only file reaches the disk: before each answer, each second, or no file at all."""


SCRIPT_STATISTICS = ("cmdstat_fcall", "cmdstat_fcall_ro", "cmdstat_evalsha")


@dataclass(frozen=True)
class Store:
    """A running store."""

    socket: Path
    pid: int
    client: redis.Redis

    @property
    def url(self) -> str:
        """Address in the form that the engine takes."""
        return f"unix://{self.socket}"

    def used_memory(self) -> int:
        """Bytes that the store has allocated for everything."""
        info = cast("dict[str, int]", self.client.info("memory"))
        return info["used_memory"]

    def append_mode(self) -> str:
        """How the append-only file is written, as the store itself says."""
        settings = cast("dict[str, str]", self.client.config_get("append*"))
        return f"appendonly {settings['appendonly']}, appendfsync {settings['appendfsync']}"

    def function_calls(self) -> int:
        """How many functions it has run so far."""
        stats = cast("dict[str, dict[str, int]]", self.client.info("commandstats"))
        return sum(stats[name]["calls"] for name in ("cmdstat_fcall", "cmdstat_fcall_ro") if name in stats)

    def script_microseconds(self) -> float:
        """Time that the store has spent inside functions and scripts so far."""
        stats = cast("dict[str, dict[str, float]]", self.client.info("commandstats"))
        return sum(stats[name]["usec"] for name in SCRIPT_STATISTICS if name in stats)


@contextmanager
def running(directory: Path, durability: Durability, cores: Sequence[int]) -> Iterator[Store]:
    """A fresh store in `directory`, gone when the block ends.

    It listens on a unix socket only. The append-only file is never rewritten: a fork in the middle of a run
    would hit whoever is measured just then.
    """
    directory.mkdir(parents=True, exist_ok=True)
    socket = directory / "store.sock"
    command = [
        *(find_server(None), "--port", "0", "--unixsocket", socket, "--unixsocketperm", "700", "--dir", directory),
        *("--save", "", "--appendonly", "no" if durability == "no" else "yes"),
        *("--appendfsync", "everysec" if durability == "no" else durability),
        *("--auto-aof-rewrite-percentage", "0", "--loglevel", "warning"),
        *HUGE_PAGES,
    ]
    log = directory / "store.log"
    with started(command, cores, log, os.environ | ALLOCATOR) as process:
        client = redis.Redis(unix_socket_path=str(socket), decode_responses=True)
        deadline = time.monotonic() + 10.0
        while not answers(client):
            if process.poll() is not None or time.monotonic() > deadline:
                raise StartError(f"the store does not serve:\n{log.read_text(errors='replace')}")
            time.sleep(0.02)
        yield Store(socket, process.pid, client)
        client.close()


def answers(client: redis.Redis) -> bool:
    """Whether the store can be used."""
    try:
        return bool(client.ping())
    except (redis.ConnectionError, redis.BusyLoadingError):
        return False
