"""Latency of unary Redeem: at half of the full rate, and with 1, 16 and 64 calls in flight, beside the store's own.

The store's own is measured with commands that our engine sends: recorded while it redeems with as many calls in flight,
at a rate with as many as come to commands of the same size, then replayed by the load driver on a store in the same
state, with nothing in between, as many in flight as the engine has.
A command decides on all redemptions that came together, so its latency is the store's part in the latency of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import bodies, commands, harness, load, output, store
from benchmarks.harness import SPLIT
from benchmarks.load import Load, LoadError, Measured, Target
from benchmarks.ours import Ours
from benchmarks.output import Output, rounded
from benchmarks.scenario import Scenario
from benchmarks.store import Durability

IN_FLIGHT = (1, 16, 64)
FUNCTION_CALLS = frozenset({b"fcall", b"fcall_ro"})
WARM_UP = 0.5
# At a fixed rate calls queue in the server, not in the driver.
MOST_IN_FLIGHT = 1024
# Calls of the store that the engine has under way.
MOST_UNDER_WAY = 2


@dataclass(frozen=True)
class Recording:
    """A stopped store's files before the recorded commands, the commands, and redemptions in each."""

    state: Path
    commands: Path
    redemptions: float


@dataclass(frozen=True)
class Pair:
    """Our server under a load, and the store alone with what the server sends it under that load."""

    ours: Measured
    store: Measured
    redemptions: float


def main(arguments: Sequence[str]) -> None:
    """Runs the bench."""
    parser = output.parser(__doc__)
    options = parser.parse_args(arguments)
    durability = output.durability(options)
    seconds = 1.0 if options.quick else 3.0
    out = Output(json_only=options.json)
    out.introduce("Redeem, latency", durability=durability)
    scenario = Scenario.load("coupon")

    loads = {count: Load(count, seconds, WARM_UP) for count in IN_FLIGHT}
    with harness.workspace() as directory:
        recordings = {
            count: record(directory / str(count), scenario, durability, sent) for count, sent in loads.items()
        }
        pairs = {
            count: Pair(
                redeem(scenario, durability, sent)[0],
                replay(recordings[count], durability, sent),
                recordings[count].redemptions,
            )
            for count, sent in loads.items()
        }
        full = max(measured.ours.calls_per_second for measured in pairs.values())
        at_half = Load(MOST_IN_FLIGHT, seconds, WARM_UP, full / 2)
        ours, together = redeem(scenario, durability, at_half)
        # Recording slows a store down, and what waits comes together: at a rate it would record other commands than
        # those that our server sends.
        alike = min(recordings.values(), key=lambda one: abs(one.redemptions - together))
        half = Pair(ours, replay(alike, durability, at_half), alike.redemptions)

    rows = [row(f"{count} in flight", pairs[count]) for count in IN_FLIGHT]
    rows.append(row(f"half rate, {full / 2:,.0f}/s", half))
    out.table(
        "Redeem and the store alone",
        ["", "calls/s", "p50 ms", "p99 ms", "store redemptions/s", "store p50 ms", "store p99 ms", "in a command"],
        rows,
    )
    out.note("store: the recorded commands replayed alone; latency at a rate counts from the due time")
    out.finish(
        {
            "full_rate": rounded(full, 1),
            "half_rate": figures(half.ours),
            "store_half_rate": store_figures(half),
            "in_flight": {str(count): figures(pairs[count].ours) for count in IN_FLIGHT},
            "store_in_flight": {str(count): store_figures(pairs[count]) for count in IN_FLIGHT},
            "durability": durability,
        }
    )


def redeem(scenario: Scenario, durability: Durability, sent: Load) -> tuple[Measured, float]:
    """Our server under a load, and how many redemptions came together in a command."""
    with harness.arena(Ours(), scenario, durability) as (arena, running, directory):
        path = arena.redemptions(directory / "bodies", needed(sent))
        before = running.function_calls()
        measured = load.send(arena.target, path, SPLIT.load, sent, store_pid=running.pid)
        return measured, measured.successes() / max(running.function_calls() - before, 1)


def needed(sent: Load) -> int:
    """Bodies that last for a load."""
    rate = sent.rate or min(Ours.expected_rate, 4_000 * sent.in_flight)
    return int(rate * (sent.seconds + sent.warm_up)) + 1


def record(directory: Path, scenario: Scenario, durability: Durability, sent: Load) -> Recording:
    """Redeems with our server and keeps what it sent to the store."""
    live, state, path = directory / "live", directory / "state", directory / "commands"
    contestant = Ours()
    with (
        store.running(live, durability, SPLIT.store) as running,
        contestant.serve(running, scenario, directory, SPLIT.server) as arena,
    ):
        requests = arena.redemptions(directory / "bodies", needed(sent))
        # Everything that was set up is on disk before the copy; redemptions come after it.
        running.client.waitaof(1, 0, 5000)
        commands.copy_files(live, state)
        with commands.recording(running, FUNCTION_CALLS) as found:
            measured = load.send(arena.target, requests, SPLIT.load, sent)
    if not found:
        raise LoadError("the engine called no function of the store")
    bodies.write(path, found)
    return Recording(state, path, measured.successes() / len(found))


def replay(recording: Recording, durability: Durability, sent: Load) -> Measured:
    """Sends the recorded commands to a store in the recorded state; the driver has the server's core."""
    rate = sent.rate and sent.rate / recording.redemptions
    with harness.workspace() as place:
        commands.copy_files(recording.state, place)
        with store.running(place, durability, SPLIT.store) as running:
            return load.send(
                Target("store", str(running.socket)),
                recording.commands,
                SPLIT.server,
                replace(sent, in_flight=min(sent.in_flight, MOST_UNDER_WAY), rate=rate),
                store_pid=running.pid,
            )


def row(name: str, measured: Pair) -> list[str]:
    """One line of the table."""
    ours, own = measured.ours, measured.store
    return [
        name,
        *(f"{ours.calls_per_second:,.0f}", f"{ours.p50_ms:.2f}", f"{ours.p99_ms:.2f}"),
        *(f"{own.calls_per_second * measured.redemptions:,.0f}", f"{own.p50_ms:.2f}", f"{own.p99_ms:.2f}"),
        f"{measured.redemptions:.1f}",
    ]


def store_figures(measured: Pair) -> dict[str, float]:
    """The store's part for scripts."""
    own = figures(measured.store)
    own["calls_per_second"] = rounded(measured.store.calls_per_second * measured.redemptions, 1)
    return own | {"redemptions_per_command": rounded(measured.redemptions, 1)}


def figures(measured: Measured) -> dict[str, float]:
    """One measurement for scripts."""
    return {
        "calls_per_second": rounded(measured.calls_per_second, 1),
        "p50_ms": rounded(measured.p50_ms),
        "p99_ms": rounded(measured.p99_ms),
    }
