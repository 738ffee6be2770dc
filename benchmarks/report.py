"""Puts the kept results together in RESULTS.md: python -m benchmarks report."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.results import Result

REPORT = Path(__file__).parent / "RESULTS.md"

Figures = Mapping[str, Any]
Row = tuple[str, Callable[[Figures], str]]


def main(_: Sequence[str]) -> None:
    """Writes the page."""
    found = {name: result for name in SECTIONS if (result := results.load(name)) is not None}
    parts = [INTRODUCTION, *(section(found[name]) for name in found)]
    missing = [name for name in SECTIONS if name not in found]
    if missing:
        parts.append("Not measured yet: " + ", ".join(f"`{name}`" for name in missing) + ".\n")
    REPORT.write_text("\n".join(parts))
    print(f"wrote {REPORT}")


INTRODUCTION = """# Results

Written by `scripts/bench report` from `benchmarks/results/`; README.md beside it says how each figure is made.
Figures of different runs, and of different machines, cannot be compared: ratios are always of one run.
"""


def section(result: Result) -> str:
    """One bench: command, machine, figures against what they must reach."""
    title, rows = SECTIONS[result.name]
    described = ", ".join(f"{name} {value}" for name, value in result.machine.items())
    lines = [f"## {result.name}: {title}", "", f"`{result.command}`, {result.day}; {described}.", ""]
    lines += ["| figure | measured |", "|---|---|"]
    lines += [f"| {label} | {show(result.figures)} |" for label, show in rows]
    return "\n".join([*lines, *baselines(result.figures), ""])


def baselines(figures: Figures) -> list[str]:
    """The contestants of `redeem`, fastest first."""
    rates: dict[str, float] = dict(figures.get("baselines", {}))
    if not rates:
        return []
    rates |= {"promo": figures["calls_per_second"], "grpc_aio_echo": figures["echo_calls_per_second"]}
    lines = ["", "| contestant | calls/s | server cores | store cores | driver cores |", "|---|---|---|---|---|"]
    for name, rate in sorted(rates.items(), key=lambda item: -item[1]):
        busy = " | ".join(f"{figures[f'{who}_cores'][name]:.2f}" for who in ("server", "store", "driver"))
        lines.append(f"| {name} | {rate:,.0f} | {busy} |")
    return lines


def number(key: str, unit: str = "", digits: int = 0) -> Callable[[Figures], str]:
    """Shows one figure."""

    def show(figures: Figures) -> str:
        value = figures.get(key)
        return "not measured" if value is None else f"{value:,.{digits}f}{unit}"

    return show


def text(key: str) -> Callable[[Figures], str]:
    """Shows one word."""
    return lambda figures: str(figures.get(key, "not measured"))


def latencies(figures: Figures) -> list[tuple[str, Figures, Figures]]:
    """Each load of `latency`, with our figures and the store's."""
    loads = [
        (f"{count} in flight", figures["in_flight"][count], figures["store_in_flight"][count])
        for count in figures["in_flight"]
    ]
    return [*loads, ("half of the full rate", figures["half_rate"], figures["store_half_rate"])]


def latency(place: int) -> Callable[[Figures], str]:
    """Shows one load of `latency`."""

    def show(figures: Figures) -> str:
        _, ours, own = latencies(figures)[place]
        return (
            f"{ours['calls_per_second']:,.0f}/s, p50 {ours['p50_ms']:.2f} ms, p99 {ours['p99_ms']:.2f} ms"
            f" (store alone: {own['calls_per_second']:,.0f}/s, {own['p50_ms']:.2f}, {own['p99_ms']:.2f};"
            f" {own['redemptions_per_command']:.1f} in a command)"
        )

    return show


SECTIONS: dict[str, tuple[str, list[Row]]] = {
    "codes": (
        "making and reading codes",
        [
            ("codes/s on one core (must: 20 M)", number("codes_per_second_per_core")),
            ("npm voucher-code-generator, codes/s", number("peer_codes_per_second")),
            ("ratio (must: 30)", number("ratio_to_peer", digits=1)),
            ("peak memory above idle, 100 M codes (must: 64 MiB)", number("peak_memory_mib", " MiB", 1)),
            ("decode and membership, a code (must: 0.3 µs)", number("decode_us", " µs", 3)),
        ],
    ),
    "campaign": (
        "what a campaign costs",
        [
            ("create 1,000,000,000 codes (must: 50 ms)", number("create_ms", " ms", 1)),
            ("bytes per unissued code (must: 0)", number("bytes_per_unissued_code", digits=3)),
            (
                "bits per redeemed single-use code, half redeemed, with the key of their page (must: 2)",
                number("bits_per_redeemed_code", digits=3),
            ),
            (
                "ledger and outbox bytes per redemption, until trimmed",
                number("ledger_bytes_per_redeemed_code", digits=0),
            ),
            ("expiring bytes per redemption", number("expiring_bytes_per_redeemed_code", digits=0)),
            ("bytes per published code (must: 200)", number("bytes_per_published_code", digits=0)),
            (
                "ledger and outbox bytes per publication, until trimmed",
                number("ledger_bytes_per_published_code", digits=0),
            ),
            ("expiring bytes per publication", number("expiring_bytes_per_published_code", digits=0)),
        ],
    ),
    "redeem": (
        "unary Redeem at full speed",
        [
            ("calls/s", number("calls_per_second")),
            ("bare grpc.aio echo, calls/s", number("echo_calls_per_second")),
            ("ratio (must: 4)", number("ratio_to_echo", digits=2)),
            ("p50 / p99 at full speed", lambda figures: f"{figures['p50_ms']:.2f} / {figures['p99_ms']:.2f} ms"),
            ("calls in flight", number("in_flight")),
            ("appendfsync", text("durability")),
        ],
    ),
    "batch": (
        "BatchRedeem of 100, two cores for everything",
        [
            ("redemptions/s (must: 20,000)", number("redemptions_per_second")),
            ("p50 / p99 of a batch", lambda figures: f"{figures['p50_ms']:.2f} / {figures['p99_ms']:.2f} ms"),
            ("batches in flight", number("in_flight")),
            ("appendfsync", text("durability")),
        ],
    ),
    "latency": (
        "unary Redeem beside the store alone",
        [
            ("1 in flight", latency(0)),
            ("16 in flight", latency(1)),
            ("64 in flight", latency(2)),
            ("half of the full rate", latency(3)),
            ("appendfsync", text("durability")),
        ],
    ),
    "publish": (
        "Publish",
        [
            ("unary, calls/s", number("calls_per_second")),
            ("unary, p99 at full speed", number("p99_ms", " ms", 2)),
            ("unary, p99 at half of it", number("p99_ms_at_half", " ms", 2)),
            ("batches of 100, codes/s", number("batch_codes_per_second")),
            ("appendfsync", text("durability")),
        ],
    ),
    "list": (
        "a page of 100",
        [
            ("p99 of the slowest list (must: 20 ms)", number("p99_ms", " ms", 2)),
            ("p99, redemptions of a customer, of 1 M", number("redemptions_of_a_customer_p99_ms", " ms", 2)),
            ("p99, redemptions at any depth, of 1 M", number("redemptions_at_any_depth_p99_ms", " ms", 2)),
            ("p99, vouchers anywhere in a campaign of 1e9", number("vouchers_of_a_billion_p99_ms", " ms", 2)),
            ("p99, published vouchers of it", number("published_vouchers_p99_ms", " ms", 2)),
        ],
    ),
    "rest-publish": (
        "publications over REST, both cores for everything",
        [
            ("requests/s, the slower of POST and GET (must: 1,200)", number("requests_per_second")),
            ("POST, requests/s", number("post_requests_per_second")),
            ("GET, requests/s", number("get_requests_per_second")),
            ("at 460/s: p50", number("p50_ms", " ms", 2)),
            ("at 460/s: p95", number("p95_ms", " ms", 2)),
            ("at 460/s: p99 (must: 50 ms)", number("p99_ms", " ms", 2)),
            ("errors (must: 0)", number("errors")),
            ("appendfsync", text("durability")),
        ],
    ),
    "import": (
        "existing codes from CSV",
        [
            ("rows/s (must: 50,000)", number("rows_per_second")),
            ("rows", number("rows")),
            ("peak memory above idle (must: 256 MiB)", number("peak_memory_mib", " MiB", 1)),
        ],
    ),
    "export": (
        "codes to a file",
        [
            ("MB/s (must: 300, or the disk's own)", number("megabytes_per_second")),
            ("the disk's own, MB/s", number("disk_megabytes_per_second")),
            ("as a stream over gRPC, MB/s", number("stream_megabytes_per_second")),
            ("codes", number("codes")),
            ("peak memory above idle", number("peak_memory_mib", " MiB", 1)),
        ],
    ),
}
SECTIONS["redeem-everysec"] = ("unary Redeem, log flushed every second", SECTIONS["redeem"][1])
