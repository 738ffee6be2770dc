"""Runs a locustfile against a running server: `scripts/load`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from promo_server.settings import Settings
from promo_server.state import StateDir

FILES: Final = {"grpc": "grpc_redeem.py", "rest": "rest_redeem.py"}
HOSTS: Final = {"grpc": "127.0.0.1:50600", "rest": "http://127.0.0.1:50680"}
KEY_VARIABLE: Final = "PROMO_LOCUST_KEY"


def arguments(command: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return our options, and what is locust's."""
    parser = argparse.ArgumentParser(
        prog="scripts/load",
        allow_abbrev=False,
        description="Load a running server with shoppers; options that are not listed go to locust.",
    )
    parser.add_argument("users_of", choices=FILES, help="what the shoppers call")
    parser.add_argument("--host", help="server to call; the one of this machine when absent")
    parser.add_argument("--users", default="32", help="shoppers at the same time")
    parser.add_argument("--run-time", default="30s", help="how long, without --web")
    parser.add_argument("--web", action="store_true", help="be driven from a browser, at http://127.0.0.1:8089")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    options, others = parser.parse_known_args(command)
    if options.web and options.json:
        parser.error("--web has no end, so no result for --json")
    return options, others


def locust(options: argparse.Namespace, others: Sequence[str], summary: Path) -> list[str]:
    """Return the command that runs locust."""
    file = Path(__file__).parent / "locustfiles" / FILES[options.users_of]
    host = options.host or HOSTS[options.users_of]
    command = [sys.executable, "-m", "locust", "-f", str(file), "--host", host, "--users", options.users]
    command += ["--spawn-rate", options.users, "--summary", str(summary)]
    if options.users_of == "grpc":
        # Where the campaign of the run is made.
        command += ["--grpc", host]
    if options.web:
        command += ["--web-host", "127.0.0.1"]
    else:
        command += ["--headless", "--run-time", options.run_time]
    return [*command, *others]


def environment() -> dict[str, str]:
    """Return what locust runs with: its key is no argument, since others can read a command line."""
    own = dict(os.environ)
    if not own.get(KEY_VARIABLE):
        key = StateDir(Settings().state_dir).load_admin_key()
        if key is None:
            raise SystemExit(f"there is no key: set {KEY_VARIABLE}=id:token, or start a server here with: promo serve")
        own[KEY_VARIABLE] = key.pair
    return own


def main() -> int:
    """Return locust's exit status: 1 when a call failed."""
    options, others = arguments(sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.json"
        # The tables are for people: with --json they go where messages go.
        output = sys.stderr if options.json else None
        status = subprocess.run(locust(options, others, summary), env=environment(), stdout=output, check=False)
        if options.json and summary.exists():
            print(summary.read_text(encoding="utf-8"))
    return status.returncode


if __name__ == "__main__":
    sys.exit(main())
