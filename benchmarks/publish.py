"""Publish, unary and in batches of 100: rates at full speed, p99 at half of it."""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks import harness, load, output
from benchmarks.harness import SPLIT, Plan
from benchmarks.load import Measured
from benchmarks.ours import BATCH_PUBLISH, PUBLISH, Ours
from benchmarks.output import Output, rounded
from benchmarks.scenario import Scenario

SIZE = 100
BATCHES_IN_FLIGHT = 4


def main(arguments: Sequence[str]) -> None:
    """Runs the bench."""
    options = output.parser(__doc__).parse_args(arguments)
    plan = Plan(output.durability(options), repetitions=1, seconds=1.5 if options.quick else 5.0)
    out = Output(json_only=options.json)
    out.introduce("Publish", durability=plan.durability, in_flight=plan.in_flight)
    unary = measure(plan)
    batch = measure(plan, batch=True)
    half = measure(plan, rate=unary.calls_per_second / 2)
    rows = [
        row("unary, full speed", unary, 1),
        row(f"batches of {SIZE}, full speed", batch, SIZE),
        row("unary, half of full speed", half, 1),
    ]
    out.table("Publish", ["", "codes/s", "p50 ms", "p99 ms", "server", "store"], rows)
    out.note("server, store: cores kept busy; server on one core, store and driver on the other")
    out.finish(
        {
            "calls_per_second": rounded(unary.calls_per_second, 1),
            "p50_ms": rounded(unary.p50_ms),
            "p99_ms": rounded(unary.p99_ms),
            "p50_ms_at_half": rounded(half.p50_ms),
            "p99_ms_at_half": rounded(half.p99_ms),
            "batch_codes_per_second": rounded(batch.calls_per_second * SIZE, 1),
            "batch_p99_ms": rounded(batch.p99_ms),
            "in_flight": plan.in_flight,
            "durability": plan.durability,
        }
    )


def measure(plan: Plan, *, batch: bool = False, rate: float | None = None) -> Measured:
    """One measurement on a fresh store."""
    ours = Ours()
    with harness.arena(ours, Scenario.load("coupon"), plan.durability) as (arena, store, directory):
        count = int((rate or ours.expected_rate) * (plan.seconds + plan.warm_up)) + 1
        path = directory / "bodies"
        return load.send(
            arena.calling(BATCH_PUBLISH if batch else PUBLISH),
            arena.batch_publications(path, count // SIZE, SIZE) if batch else arena.publications(path, count),
            SPLIT.load,
            replace(plan, in_flight=BATCHES_IN_FLIGHT).load() if batch else plan.load(rate),
            store_pid=store.pid,
        )


def row(name: str, measured: Measured, size: int) -> list[str]:
    """One line of the table."""
    return [
        name,
        f"{measured.calls_per_second * size:,.0f}",
        f"{measured.p50_ms:.2f}",
        f"{measured.p99_ms:.2f}",
        f"{measured.cores['server']:.2f}",
        f"{measured.cores['store']:.2f}",
    ]
