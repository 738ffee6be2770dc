from __future__ import annotations

import json
from array import array

from promo_server.cli.money import spell
from promo_server.cli.replay import report
from promo_server.cli.replay.behaviour import Behaviour
from promo_server.cli.replay.events import Line, Order, Skip, Skipped
from promo_server.cli.replay.tally import Tally, latencies

ORDER = Order("1", "c", (Line("a", 1, 100),))


def test_percentiles_are_those_of_the_nearest_rank() -> None:
    tally = Tally()
    tally.seconds["redeem"] = array("d", [number / 1000 for number in range(100, 0, -1)])
    (redeem,) = latencies(tally)
    assert (redeem.calls, redeem.p50, redeem.p95, redeem.p99) == (100, 50.0, 95.0, 99.0)


def test_one_call_is_every_percentile() -> None:
    tally = Tally()
    with tally.timed("redeem"):
        pass
    (redeem,) = latencies(tally)
    assert redeem.p50 == redeem.p99 > 0


def test_document_of_a_replay_is_json_with_every_reason() -> None:
    tally = Tally()
    tally.add_order(ORDER)
    tally.refused["BUDGET_EXHAUSTED"] += 2
    for number in range(20):
        tally.skip(Skipped(Skip.UNREADABLE_LINE, f"line {number}", "has 2 columns"))
    document = json.loads(json.dumps(report.document(tally, "GBP")))
    assert document["refused_redemptions"] == {"BUDGET_EXHAUSTED": 2}
    assert document["skipped"] == {"line that cannot be read": 20}
    assert [example["where"] for example in document["skipped_examples"]] == ["line 0", "line 1", "line 2"]


def test_same_seed_makes_the_same_choices() -> None:
    orders = [Order(str(number), "c", ()) for number in range(1000)]
    first = [Behaviour(cancels=10, seed=3).choices(order) for order in orders]
    assert first == [Behaviour(cancels=10, seed=3).choices(order) for order in reversed(orders)][::-1]
    assert 60 < sum(choices.cancels for choices in first) < 140
    assert not any(choices.repeats for choices in first)


def test_amounts_are_spelled_with_the_digits_of_their_currency() -> None:
    assert spell(123_450, "GBP") == "1,234.50 GBP"
    assert spell(-5, "GBP") == "-0.05 GBP"
    assert spell(1_234, "JPY") == "1,234 JPY"
    assert spell(1_234, "KWD") == "1.234 KWD"
