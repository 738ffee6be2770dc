"""What the server refuses is told in the words of the command line that asked for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.cli import create_campaign, promo, text
from support.server_process import ServerProcess

pytestmark = pytest.mark.timeout(240)

LONG = "x" * 3_000
NEW = ("campaigns", "create", "refused")
TERMS = ("--currency", "GBP", "--percent", "10")
PRICE = ("--amount", "1.00", "--currency", "GBP")
WINDOW = ("--start", "2026-01-02T00:00:00Z", "--end", "2026-01-01T00:00:00Z")


@pytest.fixture(scope="module")
def code(sqlite_server: ServerProcess) -> str:
    create_campaign(sqlite_server, "refusing")
    return text(sqlite_server, "publish", "refusing", "--customer", "1").strip()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("campaigns", "create", LONG, *TERMS, "--codes", "1"), "NAME: has more than 128 bytes"),
        ((*NEW, *TERMS, "--codes", "9000000000000"), "--codes: must be 0 to 1000000000, is 9000000000000"),
        ((*NEW, "--currency", "GBP", "--codes", "1", "--amount", "0"), "--amount: must be 1 to 1000000000000, not 0"),
        ((*NEW, *TERMS, "--codes", "1", *WINDOW), "--end: must be after start_time"),
        ((*NEW, *TERMS, "--codes", "1", "--pattern", "x"), "--pattern: has 0 of '#', must have 4 to 32"),
        ((*NEW, *TERMS, "--codes", "1", "--metadata", f"a={LONG}"), "--metadata a: has more than 1024 bytes"),
        ((*NEW, *TERMS, "--codes", "1", "--request-id", LONG), "--request-id: has more than 128 bytes"),
        (("campaigns", "update", "refusing", *WINDOW), "--end: must be after start_time"),
        (("vouchers", "create", "OWN", *TERMS, *WINDOW), "--end: must be after start_time"),
        (("vouchers", "update", "CODE", *WINDOW), "--end: must be after start_time"),
        (("vouchers", "update", "CODE", "--metadata", f"a={LONG}"), "--metadata a: has more than 1024 bytes"),
        (
            ("redeem", "CODE", *PRICE, "--metadata", "a=1", "--metadata", f"0={LONG}"),
            "--metadata 0: has more than 1024 bytes",
        ),
        (("projects", "create", "refused", "--time-zone", "Mars"), "--time-zone: is not the name of an IANA time zone"),
        (("keys", "revoke", ""), "KEY_ID: is required"),
        (
            ("customers", "upsert", "1", "--phone", LONG, "--name", LONG),
            "--name: has 3000 bytes, at most 256 are allowed; --phone: has 3000 bytes, at most 64 are allowed",
        ),
        (("customers", "upsert", ""), "CUSTOMER: is required"),
        (("publish", "refusing", "--customer", LONG), "--customer: has 3000 bytes, at most 256 are allowed"),
        (
            ("publish", "refusing", "--customer", "1", "--source-id", LONG),
            "--source-id: has 3000 bytes, at most 256 are allowed",
        ),
        (
            ("validate", "CODE", "--item", "mug:1:1.00", "--item", "cup:0:1.00", "--currency", "GBP"),
            "--item cup:0:1.00, quantity: must be 1 to 1000000, not 0",
        ),
        (("validate", "CODE", "CODE", *PRICE), "CODE CODE: names a code that the request named before"),
        (("validate", "CODE", *PRICE, "--hold", "999d"), "--hold: must be 1 second to 30 days"),
        (("validate", "CODE", *PRICE, "--order-id", LONG), "--order-id: must have at most 256 bytes"),
        (("redeem", "CODE", *PRICE, "--session", LONG), "--session: has 3000 bytes, at most 128 are allowed"),
        (
            ("redemptions", "list", "--order-by", "nope"),
            "--order-by: must be one of redeem_time, discount_amount, followed by asc or desc or nothing",
        ),
    ],
)
def test_refusal_names_the_option(
    arguments: tuple[str, ...], said: str, sqlite_server: ServerProcess, code: str
) -> None:
    typed = [code if argument == "CODE" else argument for argument in arguments]
    refused = promo(sqlite_server, *typed)
    assert refused.returncode == 1
    assert refused.stderr.replace(code, "CODE") == f"promo: {said}\n"


@pytest.mark.parametrize("campaign", [{"currency_code": "GBPP"}, {"currency_code": "GBP", "metadata": {"a": LONG}}])
def test_what_stands_in_a_file_keeps_the_name_that_it_has_there(
    campaign: dict[str, object], sqlite_server: ServerProcess, tmp_path: Path
) -> None:
    file = tmp_path / "campaign.json"
    file.write_text(json.dumps({"code_count": 1, **campaign}))
    refused = promo(sqlite_server, *NEW, "--file", str(file), "--percent", "10")
    assert refused.returncode == 1
    assert refused.stderr.startswith(("promo: campaign.currency_code: ", "promo: campaign.metadata.a: "))
