"""The result of a run as one JSON document, for scripts: locust's own tables are for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import WorkerRunner
from locust.stats import StatsEntry

PERCENTILES: Final = (50, 95, 99)


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    """Add the option that names the file."""
    parser.add_argument(
        "--summary",
        default="",
        env_var="PROMO_LOCUST_SUMMARY",
        help="file for the result as JSON",
    )


@events.quitting.add_listener
def write(environment: Environment, **_: object) -> None:
    """Write the result of the whole run, which only the master of a distributed one has."""
    options = environment.parsed_options
    if options is None or not options.summary or isinstance(environment.runner, WorkerRunner):
        return
    stats = environment.stats
    result = {
        **_entry(stats.total),
        "methods": {f"{entry.method} {entry.name}": _entry(entry) for entry in stats.entries.values()},
        "failed": {f"{error.method} {error.name}: {error.error}": error.occurrences for error in stats.errors.values()},
    }
    Path(options.summary).write_text(json.dumps(result), encoding="utf-8")


def _entry(entry: StatsEntry) -> dict[str, object]:
    return {
        "requests": entry.num_requests,
        "failures": entry.num_failures,
        "requests_per_second": round(entry.total_rps, 1),
        **{f"p{percent}_ms": entry.get_response_time_percentile(percent / 100) for percent in PERCENTILES},
    }
