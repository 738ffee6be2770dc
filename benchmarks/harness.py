"""Measures contestants in turn: a fresh store each, the same durability, servers on one core, the rest on the other."""

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks import load, store
from benchmarks.contestants import Arena, Contestant
from benchmarks.load import Load, Measured
from benchmarks.scenario import Scenario
from benchmarks.store import Durability, Store

ArenaT = TypeVar("ArenaT", bound=Arena)


@dataclass(frozen=True)
class Cores:
    """Who may run where."""

    server: tuple[int, ...]
    store: tuple[int, ...]
    load: tuple[int, ...]


SPLIT = Cores(server=(0,), store=(1,), load=(1,))
"""The server has a core of its own; store and load driver share the other."""

SHARED = Cores(server=(0, 1), store=(0, 1), load=(0, 1))
"""Everybody may use both cores."""


@dataclass(frozen=True)
class Plan:
    """How a bench is run."""

    durability: Durability
    repetitions: int
    seconds: float
    warm_up: float = 1.0
    in_flight: int = 64

    def load(self, rate: float | None = None) -> Load:
        """The load of one measurement."""
        return Load(self.in_flight, self.seconds, self.warm_up, rate)


@dataclass(frozen=True)
class Run:
    """One measurement of one contestant, and what its store says of it: `script_us` for each call that succeeded."""

    measured: Measured
    script_us: float
    append_mode: str


@dataclass(frozen=True)
class Median:
    """The middle of several measurements of one contestant; rates beside it are the extremes."""

    calls_per_second: float
    lowest: float
    highest: float
    p50_ms: float
    p99_ms: float
    server_cores: float
    store_cores: float
    driver_cores: float
    script_us: float
    append_mode: str

    @classmethod
    def of(cls, runs: Sequence[Run]) -> "Median":
        """The median of each figure."""
        rates = [run.measured.calls_per_second for run in runs]

        def middle(figure: Callable[[Measured], float]) -> float:
            return statistics.median(figure(run.measured) for run in runs)

        return cls(
            calls_per_second=statistics.median(rates),
            lowest=min(rates),
            highest=max(rates),
            p50_ms=middle(lambda run: run.p50_ms),
            p99_ms=middle(lambda run: run.p99_ms),
            server_cores=middle(lambda run: run.cores["server"]),
            store_cores=middle(lambda run: run.cores["store"]),
            driver_cores=middle(lambda run: run.cores["driver"]),
            script_us=statistics.median(run.script_us for run in runs),
            append_mode=runs[0].append_mode,
        )


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder for the files of one measurement."""
    with tempfile.TemporaryDirectory(prefix="promo-bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def arena(
    contestant: Contestant[ArenaT], scenario: Scenario, durability: Durability, cores: Cores = SPLIT
) -> Iterator[tuple[ArenaT, Store, Path]]:
    """A contestant that serves on a fresh store, and a folder for its files."""
    with (
        workspace() as directory,
        store.running(directory / "store", durability, cores.store) as running,
        contestant.serve(running, scenario, directory, cores.server) as serving,
    ):
        yield serving, running, directory


def full_speed(contestant: Contestant[Arena], scenario: Scenario, plan: Plan) -> Run:
    """One measurement with as many calls as `plan.in_flight` allows."""
    with arena(contestant, scenario, plan.durability) as (serving, running, directory):
        count = int(contestant.expected_rate * (plan.seconds + plan.warm_up))
        bodies = serving.redemptions(directory / "bodies", count)
        before = running.script_microseconds()
        measured = load.send(
            serving.target,
            bodies,
            SPLIT.load,
            plan.load(),
            store_pid=running.pid,
        )
        script_us = (running.script_microseconds() - before) / max(measured.successes(), 1)
        return Run(measured, script_us, running.append_mode())


def in_turn(
    contestants: Sequence[Contestant[Arena]], scenario: Scenario, plan: Plan, progress: Callable[[str, Measured], None]
) -> dict[str, Median]:
    """The median of `plan.repetitions` measurements of each contestant.

    They are measured in turn, so that a machine that drifts does so under all of them.
    """
    runs: dict[str, list[Run]] = {contestant.name: [] for contestant in contestants}
    for repetition in range(plan.repetitions):
        turn = repetition % len(contestants)
        for contestant in (*contestants[turn:], *contestants[:turn]):
            run = full_speed(contestant, scenario, plan)
            runs[contestant.name].append(run)
            progress(contestant.name, run.measured)
    return {name: Median.of(found) for name, found in runs.items()}
