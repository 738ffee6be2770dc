"""What a replay has come to, as tables and as a document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from promo_server.cli.money import spell
from promo_server.cli.output import print_line, print_table
from promo_server.cli.progress import Progress
from promo_server.cli.replay.tally import Tally, latencies


def document(tally: Tally, currency: str) -> dict[str, object]:
    """Return every figure; amounts in minor units, times in milliseconds."""
    return {
        "currency": currency,
        "orders": tally.orders,
        "order_lines": tally.lines,
        "order_amount": tally.order_amount,
        "customers": tally.customers,
        "codes_published": tally.codes,
        "redeemed": tally.redeemed,
        "discount": tally.discount,
        "rolled_back": tally.rolled_back,
        "discount_returned": tally.returned,
        "redemptions_that_count": tally.counting,
        "discount_given": tally.given,
        "repeated_requests": tally.repeats,
        "repeats_with_another_answer": list(tally.wrong_repeats),
        "refused_publications": dict(tally.unpublished),
        "refused_validations": dict(tally.declined),
        "refused_redemptions": dict(tally.refused),
        "skipped": {why.value: count for why, count in tally.skipped.items()},
        "skipped_examples": [
            {"where": one.where, "why": one.why.value, "detail": one.detail} for one in tally.examples
        ],
        "seconds": round(tally.elapsed, 3),
        "calls": tally.calls,
        "latency_ms": {
            one.kind: {
                "calls": one.calls,
                "p50": round(one.p50, 3),
                "p95": round(one.p95, 3),
                "p99": round(one.p99, 3),
            }
            for one in latencies(tally)
        },
    }


def stepper(progress: Progress, tally: Tally, currency: str) -> Callable[[], None]:
    """Return what to call after each order: it shows how far the replay is."""
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress.update(done, _note(tally, currency))

    return step


def _note(tally: Tally, currency: str) -> str:
    return (
        f"{tally.redeemed:,} redeemed, {tally.rolled_back:,} rolled back, {spell(tally.given, currency)} given, "
        f"{tally.refused.total():,} refused, {tally.calls / max(tally.elapsed, 0.001):,.0f} calls/s"
    )


def show(tally: Tally, currency: str) -> None:
    """Print the tables."""
    print_table(("replayed", "count", "amount"), _totals(tally, currency), "Orders")
    reasons = sorted(tally.declined | tally.refused)
    if reasons:
        rows = [(reason, f"{tally.declined[reason]:,}", f"{tally.refused[reason]:,}") for reason in reasons]
        _section("Refusals by reason", ("reason", "validations", "redemptions"), rows)
        print_line(
            "An order with a code is validated, then redeemed whatever that has said: most refusals are in both.",
        )
    if tally.skipped or tally.unpublished:
        _section("Left out", ("count", "what"), _left_out(tally))
    for one in tally.examples:
        print_line(f"  {one.where}: {one.why} ({one.detail})")
    calls = [
        (one.kind, f"{one.calls:,}", f"{one.p50:.2f} ms", f"{one.p95:.2f} ms", f"{one.p99:.2f} ms")
        for one in latencies(tally)
    ]
    _section("Latency, as this client sees it", ("call", "calls", "p50", "p95", "p99"), calls)


def _totals(tally: Tally, currency: str) -> list[tuple[str, str, str]]:
    return [
        ("orders", f"{tally.orders:,}", spell(tally.order_amount, currency)),
        ("customers with a code", f"{tally.codes:,}", ""),
        ("redeemed", f"{tally.redeemed:,}", spell(tally.discount, currency)),
        ("rolled back", f"{tally.rolled_back:,}", spell(-tally.returned, currency)),
        ("redemptions that count", f"{tally.counting:,}", spell(tally.given, currency)),
        ("requests repeated, and answered as the first time", f"{tally.repeats - len(tally.wrong_repeats):,}", ""),
        ("calls", f"{tally.calls:,}", f"{tally.calls / max(tally.elapsed, 0.001):,.0f} per second"),
    ]


def _left_out(tally: Tally) -> list[tuple[str, str]]:
    skipped = [(f"{count:,}", why.value) for why, count in tally.skipped.most_common()]
    refused: Counter[str] = tally.unpublished
    return skipped + [(f"{count:,}", f"publication refused: {reason}") for reason, count in refused.most_common()]


def _section(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    print_line("")
    print_table(columns, rows, title)
