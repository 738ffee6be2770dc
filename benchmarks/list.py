"""Lists: the time of a page of 100, anywhere in a list, over gRPC from a running server, one call at a time.

Redemptions: an archive of 1,000,000 of them, of 2,000 customers, written by the projection's own code; every page of
customers chosen at random, and pages at random depth of the whole list. Vouchers: a campaign of a billion codes, some
of them published, used and edited; pages at random places, of all and of the published ones.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc

from benchmarks import harness, list_vouchers, ours, output, store
from benchmarks.harness import SHARED
from benchmarks.ours import METADATA
from benchmarks.output import Output, rounded
from promo.v1 import (
    access_service_pb2,
    access_service_pb2_grpc,
    event_pb2,
    redeemable_pb2,
    redemption_pb2,
    redemption_service_pb2,
    redemption_service_pb2_grpc,
)
from promo_server.domain.ledger import StreamId
from promo_server.sql.database import SqlDatabase
from promo_server.state import StateDir
from promo_server.store.ledger import LedgerFact
from promo_server.workers.facts import BatchBuilder

EACH = 500
"""Redemptions of a customer."""
PAGE = 100
AT_ONCE = 20_000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SPACING = timedelta(milliseconds=31)
"""Between redemptions: a million of them are a day's."""


@dataclass(frozen=True)
class Pages:
    """Times of the pages of one list, milliseconds."""

    name: str
    rows: int
    times: Sequence[float]

    @property
    def p50(self) -> float:
        """The median."""
        return statistics.median(self.times)

    @property
    def p99(self) -> float:
        """What one page in a hundred takes longer than."""
        return sorted(self.times)[min(len(self.times) - 1, len(self.times) * 99 // 100)]


def main(arguments: Sequence[str]) -> None:
    """Runs the bench."""
    options = output.parser(__doc__).parse_args(arguments)
    out = Output(json_only=options.json)
    count, calls = (20_000, 200) if options.quick else (1_000_000, 2_000)
    out.introduce("List", redemptions=f"{count:,}", customers=f"{count // EACH:,}")
    touched = 200 if options.quick else 5_000
    found = redemptions(out, count, calls)
    vouchers = list_vouchers.pages(calls, touched)
    found += [
        Pages("vouchers of a billion", list_vouchers.CODES, vouchers["anywhere"]),
        Pages("published vouchers", touched, vouchers["published"]),
    ]
    rows = [[one.name, f"{one.rows:,}", f"{len(one.times):,}", f"{one.p50:.2f}", f"{one.p99:.2f}"] for one in found]
    out.table(f"Pages of {PAGE}", ["list", "rows", "pages", "p50 ms", "p99 ms"], rows)
    figures = {f"{one.name.replace(' ', '_')}_p99_ms": rounded(one.p99) for one in found}
    out.finish({"p99_ms": rounded(max(one.p99 for one in found)), **figures})


def redemptions(out: Output, count: int, calls: int) -> list[Pages]:
    """Pages of redemptions of a customer, and at any depth of all."""
    with serving() as (directory, channel):
        projects = access_service_pb2_grpc.AccessServiceStub(channel).ListProjects(
            access_service_pb2.ListProjectsRequest(), metadata=METADATA
        )
        begun = time.monotonic()
        asyncio.run(fill(StateDir(directory / "state").database, projects.projects[0].id, count))
        out.note(f"{count:,} redemptions written in {time.monotonic() - begun:.0f} s")
        stub = redemption_service_pb2_grpc.RedemptionServiceStub(channel)
        chance = random.Random(1)
        ask = lambda request: stub.ListRedemptions(request, metadata=METADATA, timeout=30.0)  # noqa: E731
        of_customers = [
            timed
            for _ in range(calls * PAGE // EACH)
            for timed in walk(ask, f"customer = {customer(chance.randrange(count // EACH))}", EACH)
        ]
        depths = [instant(chance.randrange(PAGE, count)).isoformat() for _ in range(calls)]
        of_all = [next(walk(ask, f"redeem_time < {depth}", PAGE)) for depth in depths]
    return [Pages("redemptions of a customer", count, of_customers), Pages("redemptions at any depth", count, of_all)]


@contextmanager
def serving() -> Iterator[tuple[Path, grpc.Channel]]:
    """Our server on an empty store; gives its folder and a channel to it."""
    with (
        harness.workspace() as directory,
        store.running(directory / "store", "always", SHARED.store) as running,
        ours.server(running, directory, SHARED.server) as (_, _, channel),
    ):
        yield directory, channel


Ask = Callable[[redemption_service_pb2.ListRedemptionsRequest], redemption_service_pb2.ListRedemptionsResponse]


def walk(ask: Ask, text: str, expected: int) -> Iterator[float]:
    """Reads the pages that a filter finds, until `expected` rows are there; yields the milliseconds of each."""
    token, rows = "", 0
    while rows < expected:
        request = redemption_service_pb2.ListRedemptionsRequest(page_size=PAGE, page_token=token, filter=text)
        begun = time.perf_counter()
        answer = ask(request)
        yield (time.perf_counter() - begun) * 1000
        rows += len(answer.redemptions)
        token = answer.next_page_token
        if len(answer.redemptions) != PAGE or answer.HasField("stale_since"):
            message = f"{text}: a page of {len(answer.redemptions)}"
            raise RuntimeError(message)


async def fill(database_file: Path, project_id: str, count: int) -> None:
    """Writes redemptions into the archive as the projection does."""
    database = SqlDatabase(f"sqlite:///{database_file}")
    for start in range(0, count, AT_ONCE):
        builder = BatchBuilder(project_id)
        for number in range(start, min(start + AT_ONCE, count)):
            builder.add(number % 64, LedgerFact(StreamId(number), entry(number, count // EACH).SerializeToString(), []))
        async with database.write() as unit:
            await unit.archive.write(project_id, builder.finish({}))
    await database.close()


def customer(number: int) -> str:
    """The caller's own id of a customer."""
    return f"customer-{number:06d}"


def instant(number: int) -> datetime:
    """When a redemption was made."""
    return BEGIN + number * SPACING


def entry(number: int, customers: int) -> event_pb2.LedgerEntry:
    """The ledger entry of a redemption of one coupon on an order of four lines."""
    whole = event_pb2.LedgerEntry(request_id=f"request-{number:09d}")
    whole.customer.source_id = customer(number % customers)
    fact = whole.redemption
    fact.id = f"r_{number % 64:02x}{number:014x}"
    fact.customer = whole.customer.source_id
    fact.redeem_time.FromDatetime(instant(number))
    fact.state = redemption_pb2.REDEMPTION_STATE_SUCCEEDED
    fact.results.add(
        code=f"SPRING{number:010d}",
        status=redeemable_pb2.REDEEMABLE_STATUS_APPLICABLE,
        voucher_id=f"v_1_{number}",
        campaign_id="camp_bench",
        applied_discount_amount=1_000,
        redemption_id=f"{fact.id}.0",
    )
    fact.order.source_id = f"order-{number:09d}"
    fact.order.currency_code = "GBP"
    fact.order.amount = fact.order.total_amount = 5_000
    fact.order.discount_amount = fact.order.total_discount_amount = 1_000
    for line in range(4):
        fact.order.items.add(product_id=f"product-{line}", quantity=1, price=1_250, amount=1_250, total_amount=1_000)
    return whole
