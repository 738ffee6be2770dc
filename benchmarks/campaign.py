"""What a campaign costs: time to create it, and store memory per code unissued, redeemed and published.

Memory is what lasts: ledger and outbox (archived in SQL, then trimmed) and what expires (answers kept for request ids)
are reported apart. A redeemed code is a bit in a page, so it is counted by MEMORY USAGE of the keys; a published code
by the growth of the store's `used_memory` after the rest was deleted, tables and allocator included.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import grpc

from benchmarks import bodies, harness, load, ours, output, store
from benchmarks.harness import SHARED
from benchmarks.load import Load, Target
from benchmarks.ours import BATCH_PUBLISH, BATCH_REDEEM, OurArena
from benchmarks.output import Output, rounded
from benchmarks.scenario import Limits, Scenario
from benchmarks.store import Store

LARGE = 1_000_000_000
SMALL = 1_000
SIZE = 200
SINGLE_USE = Limits(per_code=1, per_customer=0, per_campaign=0, discount_budget=0)
HASH_TAG_END = "}"
SETTLE_SECONDS = 15.0
SETTLED_BYTES = 1024


@dataclass(frozen=True)
class Cost:
    """Bytes that one code has added to the store: what lasts, by its keys and in all, and what does not."""

    lasting: float
    grown: float
    streams: float
    expiring: float
    kinds: dict[str, float]


def main(arguments: Sequence[str]) -> None:
    """Runs the bench."""
    options = output.parser(__doc__).parse_args(arguments)
    sample = 1 << 15 if options.quick else 4_000_000
    published = 20_000 if options.quick else 100_000
    out = Output(json_only=options.json)
    out.introduce("Campaign", codes=f"{LARGE:,}")
    scenario = Scenario.load("coupon")
    create_ms, growth = create(scenario, 3 if options.quick else 9)
    redeemed = cost(scenario, lambda arena: redeem_half(arena, sample), code_count=sample)
    handed_out = cost(scenario, lambda arena: publish(arena, published), code_count=LARGE)
    out.table(
        "Campaign",
        ["", "figure"],
        [
            [f"create {LARGE:,} codes", f"{create_ms:.1f} ms"],
            [f"store growth, {LARGE:,} codes against {SMALL:,}", f"{growth:+,} bytes"],
            ["bytes per unissued code", f"{max(growth, 0) / LARGE:.9f}"],
            ["bits per redeemed code, half of them redeemed", f"{redeemed.lasting * 8:.3f}"],
            ["bytes per published code", f"{handed_out.grown:.1f}"],
        ],
    )
    for name, found in (("redeemed", redeemed), ("published", handed_out)):
        rows = [[kind, f"{size:.2f}"] for kind, size in sorted(found.kinds.items(), key=lambda item: -item[1])]
        out.table(f"Bytes per {name} code by kind of key (MEMORY USAGE)", ["keys", "bytes"], rows)
    out.finish(
        {
            "create_ms": rounded(create_ms),
            "bytes_per_unissued_code": max(growth, 0) / LARGE,
            "bytes_per_redeemed_code": rounded(redeemed.lasting, 4),
            "bits_per_redeemed_code": rounded(redeemed.lasting * 8),
            "bytes_per_published_code": rounded(handed_out.grown, 1),
            "bytes_per_published_code_by_keys": rounded(handed_out.lasting, 1),
            "ledger_bytes_per_redeemed_code": rounded(redeemed.streams, 1),
            "expiring_bytes_per_redeemed_code": rounded(redeemed.expiring, 1),
            "ledger_bytes_per_published_code": rounded(handed_out.streams, 1),
            "expiring_bytes_per_published_code": rounded(handed_out.expiring, 1),
            "redeemed_sample": sample // 2,
            "published_sample": published,
        }
    )


def create(scenario: Scenario, count: int) -> tuple[float, int]:
    """Milliseconds to create a large campaign, and by how much more than a small one it makes the store grow."""
    with (
        harness.workspace() as directory,
        store.running(directory / "store", "always", SHARED.store) as running,
        ours.server(running, directory, SHARED.server) as (_, _, channel),
    ):
        # Names of equal length: nothing but the number of codes differs.
        create_one(channel, scenario, "first--", SMALL, running)
        small = [create_one(channel, scenario, f"small-{number}", SMALL, running) for number in range(count)]
        large = [create_one(channel, scenario, f"large-{number}", LARGE, running) for number in range(count)]
    growth = statistics.median(size for _, size in large) - statistics.median(size for _, size in small)
    return statistics.median(elapsed for elapsed, _ in large), round(growth)


def create_one(
    channel: grpc.Channel, scenario: Scenario, name: str, code_count: int, running: Store
) -> tuple[float, int]:
    """Creates a campaign; returns the milliseconds it took and the bytes by which the keys of the store grew."""
    before = sum(memory_by_kind(running).values())
    started = time.perf_counter()
    ours.create_campaign(channel, scenario, name, code_count)
    elapsed = time.perf_counter() - started
    return elapsed * 1000, sum(memory_by_kind(running).values()) - before


def cost(scenario: Scenario, use: Callable[[OurArena], int], code_count: int) -> Cost:
    """Bytes per code that `use` has touched; it returns how many those are."""
    with harness.workspace() as directory, store.running(directory / "store", "no", SHARED.store) as running:
        with ours.server(running, directory, SHARED.server) as (address, pids, channel):
            campaign = ours.create_campaign(channel, scenario, "bench", code_count, SINGLE_USE)
            before, kinds_before = settled_memory(running), memory_by_kind(running)
            count = use(OurArena(address, pids, scenario, channel, campaign.id))
        kinds = {kind: size - kinds_before.get(kind, 0) for kind, size in memory_by_kind(running).items()}
        streams = delete(running, is_stream)
        expiring = delete(running, expires)
        lasting = sum(memory_by_kind(running).values()) - sum(kinds_before.values())
        return Cost(
            lasting=lasting / count,
            grown=(settled_memory(running) - before) / count,
            streams=streams / count,
            expiring=expiring / count,
            kinds={kind: size / count for kind, size in kinds.items()},
        )


def settled_memory(running: Store) -> int:
    """Bytes that the store uses once it has stopped shrinking its tables."""
    size = running.used_memory()
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        time.sleep(1.0)
        last, size = size, running.used_memory()
        if last - size < SETTLED_BYTES:
            break
    return size


def redeem_half(arena: OurArena, sample: int) -> int:
    """Redeems every second code of the campaign."""
    send_all(arena.calling(BATCH_REDEEM), arena.redeem_bodies(sample // 2, every=2))
    return sample // 2


def publish(arena: OurArena, count: int) -> int:
    """Publishes codes, each to another customer."""
    send_all(arena.calling(BATCH_PUBLISH), arena.publish_bodies(count))
    return count


def send_all(target: Target, requests: Iterator[bytes]) -> None:
    """Sends every request in batches; all must succeed."""
    with harness.workspace() as directory:
        path = bodies.write(directory / "bodies", in_full_batches(requests))
        load.send(target, path, SHARED.load, Load(4, 600.0, 0.0))


def in_full_batches(requests: Iterator[bytes]) -> Iterator[bytes]:
    """Batches of SIZE, and a shorter one for the rest."""
    batch: list[bytes] = []
    for request in requests:
        batch.append(request)
        if len(batch) == SIZE:
            yield from ours.in_batches(iter(batch), SIZE)
            batch.clear()
    if batch:
        yield from ours.in_batches(iter(batch), len(batch))


def keys(running: Store) -> Iterator[str]:
    """Every key of the store."""
    yield from cast("Iterator[str]", running.client.scan_iter(count=5000))


def memory_by_kind(running: Store) -> dict[str, int]:
    """MEMORY USAGE of all keys, added up by the first part of their name after the hash tag."""
    found: dict[str, int] = defaultdict(int)
    for names in chunks(keys(running), 5000):
        pipeline = running.client.pipeline(transaction=False)
        for name in names:
            pipeline.memory_usage(name, samples=0)
        for name, size in zip(names, cast("list[int | None]", pipeline.execute()), strict=True):
            kind = name.partition(HASH_TAG_END)[2].partition(":")[0] or name
            found[kind] += size or 0
    return dict(found)


def chunks(names: Iterator[str], size: int) -> Iterator[list[str]]:
    """Lists of up to `size` names."""
    chunk: list[str] = []
    for name in names:
        chunk.append(name)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def is_stream(running: Store, names: list[str]) -> list[bool]:
    """Which keys are streams: ledger and outbox."""
    pipeline = running.client.pipeline(transaction=False)
    for name in names:
        pipeline.type(name)
    return [kind == "stream" for kind in cast("list[str]", pipeline.execute())]


def expires(running: Store, names: list[str]) -> list[bool]:
    """Which keys have a time to live."""
    pipeline = running.client.pipeline(transaction=False)
    for name in names:
        pipeline.ttl(name)
    return [ttl >= 0 for ttl in cast("list[int]", pipeline.execute())]


def delete(running: Store, chosen: Callable[[Store, list[str]], list[bool]]) -> int:
    """Deletes the chosen keys; returns how many bytes that freed."""
    before = running.used_memory()
    for names in list(chunks(keys(running), 5000)):
        doomed = [name for name, is_chosen in zip(names, chosen(running, names), strict=True) if is_chosen]
        if doomed:
            running.client.delete(*doomed)
    return before - running.used_memory()
