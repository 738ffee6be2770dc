"""What the supervisor needs to know, and the store's command line made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class EmbeddedStoreOptions:
    """How to run the store. `socket` is the only way in; no TCP port is opened."""

    directory: Path
    socket: Path
    server_path: Path | None = None
    append_fsync: str = "always"
    max_memory_bytes: int = 0
    start_seconds: float = 30.0

    @property
    def log(self) -> Path:
        """The store's own log."""
        return self.directory / "store.log"

    @property
    def url(self) -> str:
        """The URL by which both planes reach the store."""
        return f"unix://{self.socket}"

    def arguments(self) -> list[str]:
        """Return the store's arguments; it reads no configuration file."""
        values = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.directory),
            "databases": "1",
            # Every write is in the append-only file; snapshots would only repeat it.
            "appendonly": "yes",
            "appendfsync": self.append_fsync,
            "save": "",
            # A store that evicts would forget limits; one that is full says so.
            "maxmemory": str(self.max_memory_bytes),
            "maxmemory-policy": "noeviction",
            # To a file: a pipe would block the store when nobody empties it.
            "logfile": str(self.log),
            "loglevel": "notice",
        }
        return [part for name, value in values.items() for part in (f"--{name}", value)]
