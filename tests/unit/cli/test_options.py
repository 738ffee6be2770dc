from __future__ import annotations

from decimal import Decimal

import pytest

from promo.client import amount_off, fixed_price, free_units, item, order, percent_off
from promo.v1.campaign_pb2 import Campaign
from promo_server.cli.command import run
from promo_server.cli.command_error import CommandError
from promo_server.cli.discount_options import DiscountOptions
from promo_server.cli.order_options import OrderOptions


def test_each_kind_of_discount_can_be_said() -> None:
    percent = DiscountOptions(percent=Decimal("12.5"), max_discount="50.00")
    assert percent.build("GBP") == percent_off(Decimal("12.5"), limit=5000)
    amount = DiscountOptions(amount="2.00", effect="items_by_quantity", sku=("mug",))
    assert amount.build("GBP") == amount_off(200, effect="items_by_quantity", sku_ids=["mug"])
    assert DiscountOptions(fixed_price="9.99", effect="items").build("GBP") == fixed_price(999, effect="items")
    units = DiscountOptions(free_units=1, product=("mug",), unit_price="12.50")
    assert units.build("GBP") == free_units(1, price=1250, product_id="mug")
    assert DiscountOptions().build("GBP") is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (DiscountOptions(percent=Decimal(5), amount="1"), "exclude each other"),
        (DiscountOptions(max_discount="1"), "say what a code gives"),
        (DiscountOptions(sku=("mug",)), "say what a code gives"),
        (DiscountOptions(amount="1", max_discount="1"), "belongs to --percent"),
        (DiscountOptions(amount="1", unit_price="1"), "belongs to --free-units"),
        (DiscountOptions(percent=Decimal(5), effect="items_by_quantity"), "needs --amount"),
        (DiscountOptions(free_units=1, sku=("mug",)), "--unit-price"),
        (DiscountOptions(free_units=1, unit_price="1"), "one --product or --sku"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: DiscountOptions, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        options.build("GBP")


def test_what_no_option_names_stays_while_the_kind_of_discount_does() -> None:
    percent = percent_off(20, limit=5000, effect="items", sku_ids=["mug"])
    changed = DiscountOptions(percent=Decimal(30)).build("GBP", percent)
    assert changed == percent_off(30, limit=5000, effect="items", sku_ids=["mug"])
    assert DiscountOptions(max_discount="40.00", sku=("",)).build("GBP", percent) == percent_off(
        20, limit=4000, effect="items"
    )
    assert DiscountOptions(max_discount="0", effect="order").build("GBP", percent) == percent_off(20, sku_ids=["mug"])
    amount = amount_off(200, effect="items_by_quantity", product_ids=["a"])
    changed = DiscountOptions(amount="3.00", sku=("mug",)).build("GBP", amount)
    assert changed == amount_off(300, effect="items_by_quantity", product_ids=["a"], sku_ids=["mug"])
    fixed = fixed_price(999, effect="items", sku_ids=["mug"])
    assert DiscountOptions(fixed_price="8").build("GBP", fixed) == fixed_price(800, effect="items", sku_ids=["mug"])
    units = free_units(1, price=1250, product_id="mug", always_added=True)
    changed = DiscountOptions(free_units=2).build("GBP", units)
    assert changed == free_units(2, price=1250, product_id="mug", always_added=True)
    assert DiscountOptions(sku=("cup",)).build("GBP", units) == free_units(
        1, price=1250, sku_id="cup", always_added=True
    )


def test_discount_of_another_kind_says_what_it_replaces(capsys: pytest.CaptureFixture[str]) -> None:
    campaign = Campaign(currency_code="GBP", discount=percent_off(20, limit=5000))
    assert DiscountOptions(percent=Decimal(25)).apply(campaign, "GBP")
    assert capsys.readouterr().err == ""
    assert DiscountOptions(amount="2.00").apply(campaign, "GBP")
    assert campaign.discount == amount_off(200)
    assert "25 % off the order, at most 50.00 GBP" in capsys.readouterr().err
    assert not DiscountOptions().apply(campaign, "GBP")
    with pytest.raises(CommandError, match="belongs to --percent"):
        DiscountOptions(max_discount="1").apply(campaign, "GBP")


def test_order_is_made_of_items_or_of_an_amount() -> None:
    lines = OrderOptions(item=("mug:2:12.50", "a:b:1:5"), currency="GBP", order_id="o1").build()
    expected = [item(sku_id="mug", quantity=2, price=1250), item(sku_id="a:b", quantity=1, price=500)]
    assert lines == order("GBP", expected, source_id="o1")
    assert OrderOptions(amount="40", currency="GBP").build() == order("GBP", amount=4000)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (OrderOptions(), "say what is bought"),
        (OrderOptions(item=("mug:2:12.50",)), "add --currency"),
        (OrderOptions(item=("mug:2:12.505",), currency="GBP"), "too fine"),
        (OrderOptions(item=("mug:99999999999999999999:1",), currency="GBP"), "more units"),
        (OrderOptions(item=("mug:1:1",), amount="1", currency="GBP"), "leave out --item"),
    ],
)
def test_order_that_cannot_be_made_is_refused(options: OrderOptions, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        options.build()


@pytest.mark.parametrize(
    "arguments",
    [
        ["redeem"],
        ["redeem", "X", "--item", "mug"],
        ["redeem", "X", "--item", "mug:two:1"],
        ["redeem", "X", "--metadata", "key"],
        ["redeem", "X", "--mode", "some"],
        ["publish", "SPRING"],
        ["publish", "SPRING", "--customer", "1", "--count", "51"],
        ["campaigns", "create", "X", "--percent", "101"],
        ["campaigns", "create", "X", "--end", "2027-01-01T00:00:00"],
        ["campaigns", "create", "X", "--per-code", "-1"],
        ["redemptions", "list", "--limit", "-1"],
        ["codes", "generate", "SPRING", "0"],
        ["ledger", "tail", "--kind", "order"],
        ["completion", "tcsh"],
    ],
)
def test_command_line_that_is_not_understood_ends_with_status_2(arguments: list[str]) -> None:
    assert run(arguments) == 2


def test_value_that_is_not_understood_is_named_as_it_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["redeem", "X", "--item", "mug:12.50"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('promo: invalid value "mug:12.50" for --item. ')
    assert line.endswith("; see promo redeem --help")


def test_deletion_without_a_terminal_asks_for_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["campaigns", "delete", "SPRING"], ["customers", "erase", "1"]):
        assert run(arguments) == 1
        assert "add --yes" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_gets_a_script_that_completes_commands(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "campaigns" in script
    assert "--max-discount" in script or "max-discount" in script
