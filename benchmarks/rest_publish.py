"""The REST API: codes handed out over HTTP, by POST and by GET, at full speed and at a marketing platform's rate.

Everything (driver, REST process, server, store) may use both cores, and every request publishes a new code.
"""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from benchmarks import bodies, harness, load, ours, output, store
from benchmarks.harness import SHARED, Plan
from benchmarks.load import Measured, Target, Wire
from benchmarks.output import Output, rounded
from benchmarks.processes import free_port
from benchmarks.scenario import Scenario

PLATFORM_RATE = 460
"""Requests a second that one platform sends for personalised content."""
EXPECTED_RATE = 6_000
AUTHORIZATION = f"Basic {base64.b64encode(ours.KEY.encode()).decode()}"


@dataclass(frozen=True)
class Way:
    """One way to ask for a code."""

    name: str
    wire: Wire
    path: str
    request: Callable[[str, int], bytes]


def posted(campaign: str, number: int) -> bytes:
    """What Braze makes of a form: JSON of plain texts."""
    document = {
        "campaign": campaign,
        "customer": f"customer-{number:09d}",
        "channel": "Braze",
        "source_id": f"send-{number:09d}",
    }
    return json.dumps(document).encode()


def got(campaign: str, number: int) -> bytes:
    """What CleverTap asks for."""
    return f"?campaign={quote(campaign)}&customer=customer-{number:09d}&source_id=send-{number:09d}".encode()


WAYS = (
    Way("POST /v1/publications", "http", "/v1/publications", posted),
    Way("GET /v1/publications/create", "http-get", "/v1/publications/create", got),
)


def main(arguments: Sequence[str]) -> None:
    """Runs the bench."""
    options = output.parser(__doc__).parse_args(arguments)
    plan = Plan(
        output.durability(options), repetitions=1, seconds=1.5 if options.quick else 8.0, warm_up=2.0, in_flight=32
    )
    out = Output(json_only=options.json)
    out.introduce("REST publish", durability=plan.durability, in_flight=plan.in_flight)
    full = [measure(way, plan) for way in WAYS]
    paced = [measure(way, plan, PLATFORM_RATE) for way in WAYS]
    rows = [
        *(row(f"{way.name}, full speed", one) for way, one in zip(WAYS, full, strict=True)),
        *(row(f"{way.name}, {PLATFORM_RATE}/s", one) for way, one in zip(WAYS, paced, strict=True)),
    ]
    out.table("REST publish", ["", "requests/s", "p50 ms", "p95 ms", "p99 ms", "server", "store", "driver"], rows)
    out.note("server, store, driver: cores kept busy, two for all of them; server has the REST process in it")
    runs = [*full, *paced]
    out.finish(
        {
            "requests_per_second": rounded(min(one.calls_per_second for one in full), 1),
            "p50_ms": rounded(max(quantile(one, "p50") for one in paced)),
            "p95_ms": rounded(max(quantile(one, "p95") for one in paced)),
            "p99_ms": rounded(max(quantile(one, "p99") for one in paced)),
            "errors": sum(int(one.report["failed"]) + int(one.report["unanswered"]) for one in runs),
            "post_requests_per_second": rounded(full[0].calls_per_second, 1),
            "get_requests_per_second": rounded(full[1].calls_per_second, 1),
            "rate_of_latencies": PLATFORM_RATE,
            "in_flight": plan.in_flight,
            "durability": plan.durability,
        }
    )


def measure(way: Way, plan: Plan, rate: float | None = None) -> Measured:
    """One measurement on a fresh store."""
    address = f"127.0.0.1:{free_port()}"
    with (
        harness.workspace() as directory,
        store.running(directory / "store", plan.durability, SHARED.store) as running,
        ours.server(running, directory, SHARED.server, address) as (_, pids, channel),
    ):
        campaign = ours.create_campaign(channel, Scenario.load("coupon"), "bench", ours.CODE_COUNT)
        count = int((rate or EXPECTED_RATE) * (plan.seconds + plan.warm_up)) + 1
        path = bodies.write(directory / "bodies", requests(way, campaign.id, count))
        target = Target(way.wire, address, way.path, AUTHORIZATION, pids)
        return load.send(target, path, SHARED.load, plan.load(rate), store_pid=running.pid)


def requests(way: Way, campaign: str, count: int) -> Iterator[bytes]:
    """As many requests, each for another customer."""
    return (way.request(campaign, number) for number in range(count))


def quantile(measured: Measured, name: str) -> float:
    """A latency, in milliseconds."""
    microseconds: float = measured.report["latency_us"][name]
    return microseconds / 1000


def row(name: str, measured: Measured) -> list[str]:
    """One line of the table."""
    return [
        name,
        f"{measured.calls_per_second:,.0f}",
        *(f"{quantile(measured, part):.2f}" for part in ("p50", "p95", "p99")),
        *(f"{measured.cores[part]:.2f}" for part in ("server", "store", "driver")),
    ]
