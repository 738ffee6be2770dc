from __future__ import annotations

import pytest

from promo_server.cli import money
from promo_server.cli.command_error import CommandError


@pytest.mark.parametrize(
    ("text", "currency", "minor_units"),
    [
        ("12.50", "GBP", 1250),
        ("12.5", "GBP", 1250),
        ("0.07", "GBP", 7),
        ("1200", "JPY", 1200),
        ("1.234", "KWD", 1234),
        ("90071992547409.93", "GBP", 9_007_199_254_740_993),
    ],
)
def test_amount_is_read_in_the_currency_without_a_float(text: str, currency: str, minor_units: int) -> None:
    assert money.parse(text, currency, "--amount") == minor_units


@pytest.mark.parametrize("text", ["12,50", "1e3", "-5", "NaN", "", ".", "1_000", "1.2.3", "٣"])
def test_what_is_no_amount_is_refused_with_one_that_is(text: str) -> None:
    with pytest.raises(CommandError, match=r"^--amount: .* is no amount; write digits and a point, as in 12\.05$"):
        money.parse(text, "GBP", "--amount")


@pytest.mark.parametrize(("text", "currency"), [("1.001", "GBP"), ("1.5", "JPY")])
def test_amount_finer_than_its_currency_is_refused(text: str, currency: str) -> None:
    with pytest.raises(CommandError, match="is too fine"):
        money.parse(text, currency, "--amount")


def test_unknown_currency_and_too_much_money_are_refused() -> None:
    with pytest.raises(CommandError, match="--amount needs the currency"):
        money.parse("1.00", "", "--amount")
    with pytest.raises(CommandError, match="'POUND' is no currency"):
        money.parse("1", "POUND", "--amount")
    with pytest.raises(CommandError, match="more than any amount can be"):
        money.parse("9" * 19, "GBP", "--amount")
