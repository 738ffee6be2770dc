"""BatchRedeem of 100 at full speed, with both cores for server, store and load driver."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks import bodies, harness, load, output
from benchmarks.harness import SHARED
from benchmarks.load import Load, LoadError, Measured
from benchmarks.ours import BATCH_REDEEM, Ours
from benchmarks.output import Output, rounded
from benchmarks.scenario import Scenario
from benchmarks.store import Durability
from promo.v1 import redemption_service_pb2

SIZE = 100
WARM_UP = 1.0
GRPC_HEAD = 5


def main(arguments: Sequence[str]) -> None:
    """Runs the bench."""
    parser = output.parser(__doc__)
    parser.add_argument("--in-flight", type=int, default=4, help="batches in flight (default: 4)")
    options = parser.parse_args(arguments)
    durability = output.durability(options)
    seconds, repetitions = (1.5, 1) if options.quick else (4.0, 3)
    out = Output(json_only=options.json)
    out.introduce(f"BatchRedeem of {SIZE}, full speed", durability=durability, in_flight=options.in_flight)
    runs = []
    for _ in range(repetitions):
        runs.append(measure(durability, seconds, options.in_flight))
        out.note(f"  {runs[-1].calls_per_second * SIZE:,.0f} redemptions/s, p99 {runs[-1].p99_ms:.2f} ms")
    rate = statistics.median(run.calls_per_second for run in runs) * SIZE
    cores = {name: statistics.median(run.cores[name] for run in runs) for name in runs[0].cores}
    out.table(
        f"Median of {repetitions}",
        ["redemptions/s", "p50 ms a batch", "p99 ms a batch", *cores],
        [
            [
                f"{rate:,.0f}",
                f"{statistics.median(run.p50_ms for run in runs):.2f}",
                f"{statistics.median(run.p99_ms for run in runs):.2f}",
                *(f"{busy:.2f}" for busy in cores.values()),
            ]
        ],
    )
    out.finish(
        {
            "redemptions_per_second": rounded(rate, 1),
            "batch_size": SIZE,
            "in_flight": options.in_flight,
            "durability": durability,
            "p50_ms": rounded(statistics.median(run.p50_ms for run in runs)),
            "p99_ms": rounded(statistics.median(run.p99_ms for run in runs)),
            "cores": {name: rounded(busy) for name, busy in cores.items()},
        }
    )


def measure(durability: Durability, seconds: float, in_flight: int) -> Measured:
    """One measurement on a fresh store; every item of every batch must have been redeemed."""
    ours = Ours()
    with harness.arena(ours, Scenario.load("coupon"), durability, SHARED) as (arena, store, directory):
        batches = int(ours.expected_rate * (seconds + WARM_UP)) // SIZE
        answers = directory / "answers"
        measured = load.send(
            arena.calling(BATCH_REDEEM),
            arena.batch_redemptions(directory / "bodies", batches, SIZE),
            SHARED.load,
            Load(in_flight, seconds, WARM_UP),
            answers=answers,
            store_pid=store.pid,
        )
        check(answers)
        return measured


def check(answers: Path) -> None:
    """Refuses a run in which an item of a batch was not redeemed."""
    for answer in bodies.read(answers):
        batch = redemption_service_pb2.BatchRedeemResponse.FromString(answer[GRPC_HEAD:])
        if len(batch.results) != SIZE:
            raise LoadError(f"a batch was answered with {len(batch.results)} results")
        for result in batch.results:
            if not result.HasField("redemption"):
                raise LoadError(f"an item was refused: {result.error}")
