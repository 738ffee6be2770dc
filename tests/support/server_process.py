"""A real server in a process of its own, as `promo serve` runs it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from support.databases import copy_sqlite
from support.forks import PROMO, Fork

from promo_server.state import StateDir

KEY = "test:0123456789abcdef0123456789abcdef"
"""Admin key of every test server."""


class ServerProcess:
    """Starts, stops and kills one server on one state directory; `environment` adds settings."""

    def __init__(self, state_dir: Path, **environment: str) -> None:
        self.state_dir = state_dir
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PROMO_")},
            "PROMO_STATE_DIR": str(state_dir),
            "PROMO_GRPC__LISTEN": "127.0.0.1:0",
            "PROMO_TELEMETRY__LISTEN": "127.0.0.1:0",
            "PROMO_HTTP__LISTEN": "",
            "PROMO_AUTH__BOOTSTRAP_KEYS": KEY,
            **environment,
        }
        self._process: Fork | None = None
        self.ready: dict[str, Any] = {}

    @classmethod
    def with_tables(cls, state_dir: Path, **environment: str) -> ServerProcess:
        """Return a server that finds the tables of this release: migrations would take a fifth of its start."""
        server = cls(state_dir, **environment)
        if "PROMO_SQL__URL" not in environment:
            state_dir.mkdir(mode=0o700)
            copy_sqlite(StateDir(state_dir).database)
        return server

    @property
    def target(self) -> str:
        """Address of the gRPC port."""
        return str(self.ready["grpc"])

    @property
    def rest(self) -> str:
        """Address of the REST API; empty unless `PROMO_HTTP__LISTEN` was given."""
        return str(self.ready["rest"])

    @property
    def punchh(self) -> str:
        """Address of the Punchh webhook; empty unless `PROMO_PUNCHH__CONFIG` was given."""
        return str(self.ready["punchh"])

    @property
    def http(self) -> str:
        """Address of /metrics and /healthz."""
        return str(self.ready["http"])

    @property
    def process(self) -> Fork:
        """The running process."""
        assert self._process is not None, "the server was not started"
        return self._process

    @property
    def log(self) -> Path:
        """What the server logged, over all its starts."""
        return self.state_dir.with_name(self.state_dir.name + ".log")

    @property
    def store_url(self) -> str:
        """URL of its store: the embedded one unless `PROMO_STORE__URL` was given."""
        return self.environment.get("PROMO_STORE__URL") or f"unix://{StateDir(self.state_dir).store_socket}"

    @property
    def store_pid(self) -> int:
        """Process id of the embedded store."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if '"store.started"' in line]
        return int(lines[-1]["pid"])

    def start(self) -> None:
        """Return when the server says that it is ready; keep its address over restarts."""
        said = self.state_dir.with_name(self.state_dir.name + ".ready")
        said.unlink(missing_ok=True)
        self._process = Fork(PROMO, ["serve", "--json"], self.environment, stdout=said, stderr=self.log)
        line = self._process.first_line()
        assert line, f"the server ended with {self._process.poll()}: {self.log.read_text()[-2000:]}"
        self.ready = json.loads(line)
        self.environment["PROMO_GRPC__LISTEN"] = self.target
        self.environment["PROMO_TELEMETRY__LISTEN"] = self.http
        self.environment["PROMO_HTTP__LISTEN"] = self.rest
        if self.punchh:
            self.environment["PROMO_PUNCHH__LISTEN"] = self.punchh

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop as an operator does, and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait_or_kill()

    def kill(self) -> None:
        """Kill at this instant; the embedded store follows by itself."""
        self.process.kill()
        self.process.wait_or_kill()

    def close(self) -> None:
        """Leave nothing running, whatever the test did."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self.process.wait_or_kill()
