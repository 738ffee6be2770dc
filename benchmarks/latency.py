"""Latency of unary Redeem: at half of the full rate, and with 1, 16 and 64 calls in flight, beside the store's own.

The store's own is measured with the very commands that our engine sends: recorded while it redeems, then replayed by
the load driver on a store in the same state, with nothing in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import bodies, commands, harness, load, output, store
from benchmarks.harness import SPLIT, Plan
from benchmarks.load import Load, LoadError, Measured, Target
from benchmarks.ours import Ours
from benchmarks.output import Output, rounded
from benchmarks.scenario import Scenario
from benchmarks.store import Durability

IN_FLIGHT = (1, 16, 64)
FUNCTION_CALLS = frozenset({b"fcall", b"fcall_ro"})
RECORDED = 60_000
WARM_UP = 0.5
# At a fixed rate calls queue in the server, not in the driver.
MOST_IN_FLIGHT = 1024


@dataclass(frozen=True)
class Recording:
    """A stopped store's files before the recorded commands, and the commands."""

    state: Path
    commands: Path
    per_call: float


def main(arguments: Sequence[str]) -> None:
    """Runs the bench."""
    parser = output.parser(__doc__)
    options = parser.parse_args(arguments)
    durability = output.durability(options)
    seconds = 1.0 if options.quick else 3.0
    out = Output(json_only=options.json)
    out.introduce("Redeem, latency", durability=durability)
    scenario = Scenario.load("coupon")

    ours = {count: closed_loop(scenario, durability, count, seconds) for count in IN_FLIGHT}
    full = max(measured.calls_per_second for measured in ours.values())
    half = open_loop(scenario, durability, full / 2, seconds)
    with harness.workspace() as directory:
        recording = record(directory, scenario, durability)
        own = {count: replay(directory, recording, durability, count, seconds) for count in IN_FLIGHT}
        own_half = replay(directory, recording, durability, IN_FLIGHT[-1], seconds, rate=full / 2 * recording.per_call)

    rows = [row(f"{count} in flight", ours[count], own[count]) for count in IN_FLIGHT]
    rows.append(row(f"half rate, {full / 2:,.0f}/s", half, own_half))
    out.table(
        "Redeem and the store alone",
        ["", "calls/s", "p50 ms", "p99 ms", "store calls/s", "store p50 ms", "store p99 ms"],
        rows,
    )
    out.note(f"store: {recording.per_call:.2f} commands a Redeem, replayed; latency at a rate counts from the due time")
    out.finish(
        {
            "full_rate": rounded(full, 1),
            "half_rate": figures(half),
            "store_half_rate": figures(own_half),
            "in_flight": {str(count): figures(ours[count]) for count in IN_FLIGHT},
            "store_in_flight": {str(count): figures(own[count]) for count in IN_FLIGHT},
            "store_commands_per_call": rounded(recording.per_call),
            "durability": durability,
        }
    )


def closed_loop(scenario: Scenario, durability: Durability, in_flight: int, seconds: float) -> Measured:
    """Our server with so many calls in flight."""
    plan = Plan(durability, repetitions=1, seconds=seconds, in_flight=in_flight)
    return harness.full_speed(Ours(), scenario, plan).measured


def open_loop(scenario: Scenario, durability: Durability, rate: float, seconds: float) -> Measured:
    """Our server at a fixed rate."""
    with harness.arena(Ours(), scenario, durability) as (arena, running, directory):
        count = int(rate * (seconds + WARM_UP)) + 1
        return load.send(
            arena.target,
            arena.redemptions(directory / "bodies", count),
            SPLIT.load,
            Load(MOST_IN_FLIGHT, seconds, WARM_UP, rate),
            store_pid=running.pid,
        )


def record(directory: Path, scenario: Scenario, durability: Durability) -> Recording:
    """Redeems with our server and keeps what it sent to the store."""
    live, state, path = directory / "live", directory / "state", directory / "commands"
    contestant = Ours()
    with (
        store.running(live, durability, SPLIT.store) as running,
        contestant.serve(running, scenario, directory, SPLIT.server) as arena,
    ):
        requests = arena.redemptions(directory / "bodies", RECORDED)
        # Everything that was set up is on disk before the copy; redemptions come after it.
        running.client.waitaof(1, 0, 5000)
        commands.copy_files(live, state)
        with commands.recording(running, FUNCTION_CALLS) as found:
            measured = load.send(arena.target, requests, SPLIT.load, Load(16, 60.0, 0.0))
    if not found:
        raise LoadError("the engine called no function of the store")
    bodies.write(path, found)
    return Recording(state, path, len(found) / measured.successes())


def replay(
    directory: Path,
    recording: Recording,
    durability: Durability,
    in_flight: int,
    seconds: float,
    rate: float | None = None,
) -> Measured:
    """Sends the recorded commands to a store in the recorded state; the driver has the server's core."""
    place = directory / f"replay-{in_flight}-{'rate' if rate else 'full'}"
    commands.copy_files(recording.state, place)
    with store.running(place, durability, SPLIT.store) as running:
        return load.send(
            Target("store", str(running.socket)),
            recording.commands,
            SPLIT.server,
            Load(in_flight, seconds, WARM_UP, rate),
            store_pid=running.pid,
        )


def row(name: str, ours: Measured, own: Measured) -> list[str]:
    """One line of the table."""
    return [
        name,
        *(f"{ours.calls_per_second:,.0f}", f"{ours.p50_ms:.2f}", f"{ours.p99_ms:.2f}"),
        *(f"{own.calls_per_second:,.0f}", f"{own.p50_ms:.2f}", f"{own.p99_ms:.2f}"),
    ]


def figures(measured: Measured) -> dict[str, float]:
    """One measurement for scripts."""
    return {
        "calls_per_second": rounded(measured.calls_per_second, 1),
        "p50_ms": rounded(measured.p50_ms),
        "p99_ms": rounded(measured.p99_ms),
    }
