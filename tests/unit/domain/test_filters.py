from __future__ import annotations

import pytest

from promo_server.domain.filters import Condition, FilterError, Operator, parse_filter
from promo_server.domain.lists import REDEMPTIONS

FIELDS = REDEMPTIONS.fields


def test_conditions_are_read_in_order_with_the_types_of_their_fields() -> None:
    text = "customer = \"17850\" AND redeem_time >= 2026-11-01T01:00:00.250+01:00 AND amount<-5 AND state='rolled_back'"
    assert parse_filter(text, FIELDS) == (
        Condition("customer", Operator.EQUAL, "17850"),
        Condition("redeem_time", Operator.AT_LEAST, 1_793_491_200_250),
        Condition("amount", Operator.BELOW, -5),
        Condition("state", Operator.EQUAL, "rolled_back"),
    )


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_an_empty_filter_has_no_condition(text: str) -> None:
    assert parse_filter(text, FIELDS) == ()


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("spring", "spring"),
        ("c-1:x/y", "c-1:x/y"),
        ('"spring sale"', "spring sale"),
        ("'it is \"on\"'", 'it is "on"'),
        (r'"a\"b\\c\d"', r'a"b\cd'),
        ('""', ""),
        ("\"AND customer = 'x'\"", "AND customer = 'x'"),
        ('"für Özgür 🎁"', "für Özgür 🎁"),
    ],
)
def test_texts_are_written_bare_or_in_quotes(written: str, value: str) -> None:
    assert parse_filter(f"customer = {written}", FIELDS) == (Condition("customer", Operator.EQUAL, value),)


@pytest.mark.parametrize(
    ("text", "position", "problem"),
    [
        ("colour = red", 1, "expected a field, one of campaign, customer"),
        ("customer", 9, "expected = after customer"),
        ("customer != a", 10, "expected = after customer"),
        ("customer > a", 10, "expected = after customer"),
        ("customer:a", 9, "expected = after customer"),
        ("amount : 5", 8, "expected = or < or <= or > or >= after amount"),
        ("customer =", 11, "expected a value"),
        ("customer = )", 12, "expected a value"),
        ('customer = "a', 12, 'expected a closing "'),
        ('customer = "a\\"', 12, 'expected a closing "'),
        ("customer = a OR customer = b", 14, "can only be joined by AND"),
        ("customer = a and customer = b", 14, "can only be joined by AND"),
        ("customer = a customer = b", 14, "can only be joined by AND"),
        ("customer = a AND", 17, "expected a field"),
        ("(customer = a)", 1, "expected a field"),
        ("NOT customer = a", 1, "expected a field"),
        ("state = gone", 9, "state must be one of succeeded, partially_rolled_back, rolled_back"),
        ("amount = 1.5", 10, "amount must be a whole number"),
        ("amount = 1234567890123456789", 10, "of up to 18 digits"),
        ("redeem_time > 2026-11-26", 15, "must be a time such as"),
        ("redeem_time > 2026-11-26T12:00:00", 15, "must be a time such as"),
        ("redeem_time > 2026-02-30T12:00:00Z", 15, "no calendar has"),
        ("redeem_time > 0000-01-01T00:00:00Z", 15, "no calendar has"),
        ("redeem_time > 2026-11-26T12:00:00+25:00", 15, "no calendar has"),
        ("redeem_time > 2026-11-26T12:00:00.0001Z", 15, "finer than milliseconds"),
        ("customer = a\x00b", 12, "contains a NUL character"),
        (f"customer = {'é' * 129}", 12, "has more than 256 bytes"),
        ("customer = a" + " AND customer = a" * 16, 273, "at most 16 conditions"),
        ("x" * 4_097, 4_097, "at most 4096 characters"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, position: int, problem: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse_filter(text, FIELDS)
    assert refused.value.position == position
    assert problem in str(refused.value)
    assert str(refused.value).startswith(f"at character {position}: ")
