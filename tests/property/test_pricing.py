"""The engine's pricing against a slow reference written from the contract."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import pricing

from promo_server.kernel import decision

ZONES = ("UTC", "Europe/London", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns")
NOON = 1_795_348_800_000
DAY = 86_400_000

amounts = st.one_of(st.integers(0, 50), st.integers(0, 20_000), st.integers(0, 10**12))
quantities = st.one_of(st.integers(1, 5), st.integers(1, 1_000))
products = st.sampled_from(["", "bread", "milk", "wine"])
variants = st.sampled_from(["", "", "large", "small"])
selectors = st.fixed_dictionaries(
    {},
    optional={
        "product_ids": st.lists(st.sampled_from(["bread", "milk", "wine", "tea"]), max_size=3),
        "sku_ids": st.lists(st.sampled_from(["large", "small", "huge"]), max_size=2),
    },
)


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Any]:
    lines = draw(
        st.lists(
            st.fixed_dictionaries(
                {"product_id": products, "sku_id": variants, "quantity": quantities, "price": amounts},
            ),
            max_size=8,
        ),
    )
    total = sum(line["quantity"] * line["price"] for line in lines)
    if lines and total <= pricing.MAX_AMOUNT:
        return {"currency_code": "GBP", "items": lines}
    return {"currency_code": "GBP", "amount": draw(st.integers(1, pricing.MAX_AMOUNT))}


@st.composite
def discounts(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["amount", "percent", "fixed", "unit"]))
    if kind == "unit":
        effect = draw(st.sampled_from(["add_missing_items", "add_new_items"]))
        ids = draw(st.sampled_from([("bread", ""), ("milk", ""), ("", "large"), ("wine", "small"), ("tea", "")]))
        units, price = draw(st.integers(1, 12)), draw(st.integers(0, 10**10))
        return {
            "kind": kind,
            "unit_off": units,
            "effect": effect,
            "product_id": ids[0],
            "sku_id": ids[1],
            "price": price,
        }
    effects = ["apply_to_order", "apply_to_items"]
    if kind == "amount":
        effects += ["apply_to_items_proportionally", "apply_to_items_by_quantity"]
    discount: dict[str, Any] = {"kind": kind, "effect": draw(st.sampled_from(effects))}
    if discount["effect"] != "apply_to_order":
        discount["applies_to"] = draw(selectors)
    if kind == "percent":
        discount["basis_points"] = draw(st.one_of(st.sampled_from([1, 5_000, 10_000]), st.integers(1, 10_000)))
        discount["amount_limit"] = draw(st.one_of(st.just(0), st.integers(1, 3_000)))
    else:
        discount["amount_off" if kind == "amount" else "fixed_amount"] = draw(amounts.map(lambda value: max(value, 1)))
    return discount


@st.composite
def validities(draw: st.DrawFn, now: int) -> dict[str, Any]:
    validity: dict[str, Any] = {}
    if draw(st.booleans()):
        validity["start_ms"] = now + draw(st.sampled_from([-30 * DAY, -DAY, -1, 0, 0, -7, 1]))
        if draw(st.booleans()):
            interval = draw(st.sampled_from([1_000, 3_600_000, DAY]))
            validity["timeframe"] = {"interval_ms": interval, "duration_ms": draw(st.integers(1, interval))}
    if draw(st.booleans()):
        validity["expire_ms"] = max(validity.get("start_ms", 0) + 1, now + draw(st.sampled_from([0, 1, DAY])))
    if draw(st.booleans()):
        validity["days_of_week"] = draw(st.lists(st.integers(1, 7), max_size=6))
    if draw(st.booleans()):
        starts = draw(st.lists(st.integers(0, 1_439), max_size=3))
        validity["hours"] = [
            {
                "start_minute": start,
                "end_minute": draw(st.integers(start + 1, 1_440)),
                "days_of_week": draw(st.lists(st.integers(1, 7), max_size=3)),
            }
            for start in starts
        ]
    if draw(st.booleans()):
        validity["activity_after_publishing_ms"] = draw(st.sampled_from([1, DAY]))
    return validity


def bundle(discount: dict[str, Any], **parts: object) -> dict[str, Any]:
    definition = {"currency": "GBP", "discount": discount} | parts
    return {
        "id": "camp_1",
        "number": 1,
        "project": "p",
        "version": 1,
        "name": "summer",
        "enabled": True,
        "definition": definition,
        "codes": "arithmetic",
    }


limits = st.fixed_dictionaries({}, optional={name: st.integers(0, 5) for name in pricing.LIMITS})


@st.composite
def candidates(draw: st.DrawFn, now: int) -> dict[str, Any]:
    campaign: dict[str, Any] | None = bundle(draw(discounts()), limits=draw(limits))
    if draw(st.integers(0, 5)) == 3 and campaign is not None:
        campaign["definition"]["validity"] = draw(validities(now))
        campaign["definition"]["currency"] = draw(st.sampled_from(["GBP", "GBP", "JPY"]))
        campaign["enabled"] = draw(st.sampled_from([True, True, False]))
        campaign["deleted"] = draw(st.sampled_from([True, False, False]))
    if draw(st.integers(0, 15)) == 7:
        campaign = None
    published = draw(st.sampled_from([None, now - DAY, now - DAY + 1, now]))
    return {"code": "CODE", "campaign": campaign, "published_ms": published}


@st.composite
def calls(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    now = draw(st.one_of(st.just(NOON), st.integers(DAY * 60, 4_102_444_800_000)))
    facts = {
        "now_ms": now,
        "time_zone": draw(st.sampled_from(ZONES)),
        "mode": draw(st.sampled_from(["all", "partial"])),
        "customer": draw(st.sampled_from(["17850", "17850", "17850", "", None])),
    }
    return draw(orders()), draw(st.lists(candidates(now), min_size=1, max_size=6)), facts


def seen(answer: decision.DecisionDocument) -> dict[str, Any]:
    """Return what of an answer the oracle speaks of."""
    outcomes = [one.get("amount", one.get("reason", one["status"])) for one in answer["outcomes"]]
    takes = [{name: value for name, value in take.items() if name != "period_end_ms"} for take in answer["takes"]]
    return {"valid": answer["valid"], "outcomes": outcomes, "order": answer["order"], "takes": takes}


@st.composite
def stacks(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """Stacks in which nothing but the cart can refuse: most of them price several discounts on each other."""
    campaigns = draw(st.lists(discounts().map(bundle), min_size=1, max_size=8))
    stack: list[dict[str, Any]] = [{"code": "CODE", "campaign": campaign} for campaign in campaigns]
    return draw(orders()), stack, {"now_ms": NOON, "time_zone": "UTC", "mode": "partial", "customer": "17850"}


@given(calls())
@settings(max_examples=150, deadline=None)
def test_the_engine_and_the_reference_decide_alike(call: tuple[Any, list[Any], Any]) -> None:
    order, candidates_, facts = call
    assert seen(decision.decide(order, candidates_, facts)) == pricing.decide(order, candidates_, facts)


@given(stacks())
@settings(max_examples=150, deadline=None)
def test_the_engine_and_the_reference_price_stacks_alike(call: tuple[Any, list[Any], Any]) -> None:
    order, stack, facts = call
    assert seen(decision.decide(order, stack, facts)) == pricing.decide(order, stack, facts)


@pytest.mark.slow
@given(st.one_of(calls(), stacks()))
@settings(max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_engine_and_the_reference_still_agree_after_many_cases(call: tuple[Any, list[Any], Any]) -> None:
    order, stack, facts = call
    assert seen(decision.decide(order, stack, facts)) == pricing.decide(order, stack, facts)


@given(stacks(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_lines_changes_no_total(call: tuple[Any, list[Any], Any], random: Random) -> None:
    order, stack, facts = call
    shuffled = dict(order)
    if "items" in order:
        shuffled["items"] = random.sample(order["items"], len(order["items"]))
    one, other = decision.decide(order, stack, facts), decision.decide(shuffled, stack, facts)
    assert one["outcomes"] == other["outcomes"]
    assert one["takes"] == other["takes"]
    for total in ("amount", "items_discount_amount", "discount_amount", "total_amount"):
        assert one["order"][total] == other["order"][total]  # type: ignore[literal-required]


@given(stacks())
@settings(max_examples=60, deadline=None)
def test_no_discount_is_negative_and_shares_sum_to_the_whole(call: tuple[Any, list[Any], Any]) -> None:
    answer = decision.decide(*call)
    order = answer["order"]
    lines = order["items"]
    assert all(line["discount_amount"] >= 0 and line["order_discount_share"] >= 0 for line in lines)
    assert all(line["total_amount"] >= 0 for line in lines)
    assert sum(line["discount_amount"] for line in lines) == order["items_discount_amount"]
    if lines:
        assert sum(line["order_discount_share"] for line in lines) == order["discount_amount"]
        assert sum(line["total_amount"] for line in lines) == order["total_amount"]
    assert order["amount"] - order["total_discount_amount"] == order["total_amount"] >= 0
    assert sum(one.get("amount", 0) for one in answer["outcomes"]) == order["total_discount_amount"]
