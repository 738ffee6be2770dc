"""Unary Redeem at full speed: ours, a bare gRPC echo and the afternoon designs, in one run.

One single-use coupon a call, another customer each time, four lines, 20 % off; limits per code, per customer and per
campaign and a budget are checked, ledger and outbox written. Server on one core, store and load driver on the other.
"""

from collections.abc import Sequence

from benchmarks import contestants, harness, output
from benchmarks.contestants import ECHO, Arena, Contestant
from benchmarks.harness import Median, Plan
from benchmarks.load import Measured
from benchmarks.ours import Ours
from benchmarks.output import Output, rounded
from benchmarks.scenario import Scenario

OURS = "promo"


def main(arguments: Sequence[str]) -> None:
    """Runs the bench."""
    parser = output.parser(__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="measure only this contestant (repeatable)")
    parser.add_argument("--in-flight", type=int, default=256, help="calls in flight (default: 256)")
    parser.add_argument("--repetitions", type=int, help="measurements of each contestant (default: 3)")
    options = parser.parse_args(arguments)
    plan = Plan(
        durability=output.durability(options),
        repetitions=options.repetitions or (1 if options.quick else 3),
        seconds=1.5 if options.quick else 4.0,
        in_flight=options.in_flight,
    )
    out = Output(json_only=options.json)
    out.introduce("Redeem, unary, full speed", durability=plan.durability, in_flight=plan.in_flight)
    found, missing = contestants.available()
    chosen: list[Contestant[Arena]] = [
        contestant for contestant in (Ours(), *found) if not options.only or contestant.name in options.only
    ]
    for advice in missing:
        out.note(advice)

    def progress(name: str, measured: Measured) -> None:
        out.note(f"  {name}: {measured.calls_per_second:,.0f} calls/s, p99 {measured.p99_ms:.2f} ms")

    medians = harness.in_turn(chosen, Scenario.load("coupon"), plan, progress)
    out.table(
        f"Medians of {plan.repetitions}",
        ["contestant", "calls/s", "lowest", "highest", "p50 ms", "p99 ms", "server", "store", "driver", "script µs"],
        [row(name, median) for name, median in sorted(medians.items(), key=lambda item: -item[1].calls_per_second)],
    )
    out.note("server, store, driver: cores kept busy; script: time inside the store's function or script, a call")
    out.note(f"store: {next(iter(medians.values())).append_mode}")
    out.finish(figures(medians, plan))


def row(name: str, median: Median) -> list[str]:
    """One line of the table."""
    rates = (median.calls_per_second, median.lowest, median.highest)
    cores = (median.server_cores, median.store_cores, median.driver_cores)
    return [
        name,
        *(f"{rate:,.0f}" for rate in rates),
        f"{median.p50_ms:.2f}",
        f"{median.p99_ms:.2f}",
        *(f"{core:.2f}" for core in cores),
        f"{median.script_us:.0f}",
    ]


def figures(medians: dict[str, Median], plan: Plan) -> dict[str, object]:
    """The figures for scripts."""
    found: dict[str, object] = {
        "durability": plan.durability,
        "in_flight": plan.in_flight,
        "repetitions": plan.repetitions,
        "baselines": {
            name: rounded(median.calls_per_second, 1)
            for name, median in medians.items()
            if name not in {OURS, ECHO.name}
        },
        "store_cores": {name: rounded(median.store_cores) for name, median in medians.items()},
        "server_cores": {name: rounded(median.server_cores) for name, median in medians.items()},
        "script_us": {name: rounded(median.script_us, 1) for name, median in medians.items()},
        "driver_cores": {name: rounded(median.driver_cores) for name, median in medians.items()},
    }
    ours, echo = medians.get(OURS), medians.get(ECHO.name)
    if ours:
        found |= {
            "calls_per_second": rounded(ours.calls_per_second, 1),
            "p50_ms": rounded(ours.p50_ms),
            "p99_ms": rounded(ours.p99_ms),
        }
    if echo:
        found["echo_calls_per_second"] = rounded(echo.calls_per_second, 1)
    if ours and echo:
        found["ratio_to_echo"] = rounded(ours.calls_per_second / echo.calls_per_second, 2)
    return found
