"""`promo vouchers`: single codes from their creation to their end, on a real server."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from support.cli import create_campaign, document, lines, promo, text
from support.server_process import ServerProcess

pytestmark = pytest.mark.timeout(240)

CART = ("--amount", "40.00", "--currency", "GBP")
TEN_PERCENT = ("--currency", "GBP", "--percent", "10")


def unused(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:12].upper()}"


def failure(server: ServerProcess, *arguments: str) -> str:
    done = promo(server, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_code_that_stands_alone_lives_from_creation_to_deletion(server: ServerProcess) -> None:
    code = unused("SUMMER")
    terms = (*TEN_PERCENT, "--per-customer", "1", "--end", "2097-01-01T00:00:00Z", "--metadata", "team=events")
    checked = promo(server, "vouchers", "create", code, *terms, "--validate-only")
    assert checked.stdout == f"{code} is fine. Nothing was changed.\n"
    assert failure(server, "vouchers", "get", code) == f"promo: there is no code {code}\n"

    created = text(server, "vouchers", "create", code, *terms)
    assert created == f"Created {code}, which stands alone.\n"
    shown = text(server, "vouchers", "get", code)
    for words in (
        "stands alone",
        "10 % off the order",
        "not counted",
        "1 per customer",
        "team=events",
        "2097-01-01",
    ):
        assert words in shown, words
    assert document(server, "vouchers", "get", code)["expire_time"] == "2097-01-01T00:00:00Z"

    shopper = (code, *CART, "--customer", "vc-1")
    assert document(server, "redeem", *shopper)["order"]["total_discount_amount"] == 400
    assert promo(server, "redeem", *shopper).returncode == 1
    updated = document(server, "vouchers", "update", code, "--amount", "5.00", "--uses", "2", "--metadata", "a=b")
    assert (updated["redemption_limit"], updated["redeemed_count"], updated["metadata"]) == (2, 0, {"a": "b"})
    assert document(server, "redeem", code, *CART, "--customer", "vc-2")["order"]["total_discount_amount"] == 500
    assert document(server, "redeem", code, *CART, "--customer", "vc-5")["state"] == "succeeded"
    assert "2 of 2" in text(server, "vouchers", "get", code)
    assert "is used up: its limit is 2" in failure(server, "redeem", code, *CART, "--customer", "vc-3")
    assert not document(server, "vouchers", "update", code, "--clear", "redemption_limit")["redemption_limit"]

    found = lines(server, "redemptions", "list", "--filter", f'code = "{code}"', "--fresh")
    assert [one["customer"] for one in found] == ["vc-5", "vc-2", "vc-1"]
    assert lines(server, "publications", "list", "--filter", f'code = "{code}"', "--fresh") == []

    assert text(server, "vouchers", "disable", code) == f"Disabled {code}, which stands alone.\n"
    assert "DISABLED" in text(server, "vouchers", "get", code)
    assert promo(server, "redeem", code, *CART, "--customer", "vc-4").returncode == 1
    assert document(server, "vouchers", "enable", code)["enabled"]
    assert document(server, "redeem", code, *CART, "--customer", "vc-4")["state"] == "succeeded"

    assert "add --yes" in failure(server, "vouchers", "delete", code)
    assert document(server, "vouchers", "delete", code, "--yes") == {"code": code, "deleted": True}
    for arguments in (("get", code), ("update", code, "--uses", "1"), ("disable", code), ("delete", code, "--yes")):
        assert failure(server, "vouchers", *arguments) == f"promo: there is no code {code}\n"
    assert "there is a voucher" in failure(server, "vouchers", "create", code, *TEN_PERCENT)


def test_codes_that_stand_alone_are_in_no_list_of_campaigns(server: ServerProcess) -> None:
    created = document(server, "vouchers", "create", unused("ALONE"), *TEN_PERCENT)
    campaigns = lines(server, "campaigns", "list", "--limit", "0")
    assert created["campaign_id"] not in [one["id"] for one in campaigns]
    [listed] = lines(server, "vouchers", "list", created["campaign_id"])
    assert listed == created


def test_terms_of_a_code_come_from_a_file_with_options_on_top(server: ServerProcess, tmp_path: Path) -> None:
    code, file = unused("GIFT"), tmp_path / "gift.toml"
    file.write_text(
        'currency_code = "JPY"\n'
        "limits = { per_campaign = 5, per_customer = 2 }\n"
        "[discount.amount]\n"
        'amount_off = 300\neffect = "apply_to_order"\n'
    )
    made = document(server, "vouchers", "create", code, "--file", str(file), "--per-customer", "1")
    assert made["discount"]["amount"]["amount_off"] == 300
    shown = text(server, "vouchers", "get", code)
    assert "300 JPY off the order" in shown
    assert "5 per campaign" in shown
    assert "1 per customer" in shown
    typed = json.dumps({"currency_code": "GBP", "discount": {"percent": {"basis_points": 500}}})
    refused = promo(server, "vouchers", "create", unused("GIFT"), "--file", "-", stdin=typed)
    assert "standalone.discount.percent.effect" in refused.stderr


def test_one_request_id_creates_one_voucher(server: ServerProcess) -> None:
    code = unused("ONCE")
    first = document(server, "vouchers", "create", code, *TEN_PERCENT, "--request-id", code)
    assert document(server, "vouchers", "create", code, *TEN_PERCENT, "--request-id", code) == first
    other = ("--currency", "GBP", "--percent", "11", "--request-id", code)
    assert "request id" in failure(server, "vouchers", "create", code, *other)


def test_code_is_named_in_a_campaign_or_stands_alone_and_never_both(server: ServerProcess) -> None:
    name = unused("vc-campaign")
    create_campaign(server, name)
    code = unused("NAMED")
    assert text(server, "vouchers", "create", code, "--campaign", name) == f"Created {code} of {name}.\n"
    assert f"{name} (camp_" in text(server, "vouchers", "get", code)
    free = unused("FREE")
    for arguments, problem in (
        (("--campaign", name, *TEN_PERCENT), "leave one of them out"),
        (("--campaign", "nowhere"), "there is no campaign nowhere"),
        ((), "needs --currency, and --percent, --amount, --fixed-price or --free-units"),
        (("--currency", "GBP"), "needs --percent, --amount, --fixed-price or --free-units"),
        (("--amount", "5.00"), "--amount needs the currency"),
        (("--currency", "XXQ", "--percent", "10"), "promo: --currency: "),
        ((*TEN_PERCENT, "--start", "2098-01-01T00:00:00Z", "--end", "2097-01-01T00:00:00Z"), "promo: --end: "),
    ):
        assert problem in failure(server, "vouchers", "create", free, *arguments), arguments
    for given, problem in (("", "is empty"), (" A", "begins or ends with a space"), ("é" * 65, "has 130 bytes")):
        assert problem in failure(server, "vouchers", "create", given, *TEN_PERCENT), given
    assert "there is no code" in failure(server, "vouchers", "get", free)


def test_arguments_that_no_message_can_carry_are_one_line(server: ServerProcess) -> None:
    name = unused("vc-odd")
    create_campaign(server, name)
    # A byte that is no UTF-8, as Python has it in arguments.
    odd = "A\udcff"
    for arguments in (
        ("vouchers", "get", odd),
        ("vouchers", "list", name, "--code-prefix", odd),
        ("vouchers", "create", odd, *TEN_PERCENT),
        ("redemptions", "list", "--filter", f"code = {odd}"),
        ("publish", name, "--customer", odd),
        ("redeem", name, "--item", f"{odd}:1:1.00", "--currency", "GBP"),
    ):
        assert "A\\udcff has bytes that are no UTF-8 text" in failure(server, *arguments), arguments
    assert "more units than any order has" in failure(
        server, "redeem", name, "--item", f"mug:{'9' * 5_000}:1.00", "--currency", "GBP"
    )
    for arguments in (("vouchers", "list", name, "--first"), ("codes", "export", name, "--first")):
        done = promo(server, *arguments, "9" * 23)
        assert (done.returncode, done.stdout) == (2, "")
        assert "Must be <=" in done.stderr


def test_vouchers_are_listed_by_the_beginning_of_their_codes(server: ServerProcess) -> None:
    name = unused("vc-prefix")
    create_campaign(server, name)
    first = lines(server, "vouchers", "list", name, "--limit", "1")[0]
    assert lines(server, "vouchers", "list", name, "--code-prefix", first["code"][:9].lower()) == [first]
    assert lines(server, "vouchers", "list", name, "--code-prefix", "%") == []
    text(server, "campaigns", "create", f"{name}-large", *TEN_PERCENT, "--codes", "2000000")
    problem = failure(server, "vouchers", "list", f"{name}-large", "--code-prefix", first["code"][:2])
    assert "promo: --code-prefix: needs 4 more symbols" in problem
