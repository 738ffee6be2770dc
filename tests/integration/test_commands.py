"""The command line from nothing to a redeemed code and back, on a real server."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.cli import command, create_campaign, document, environment, lines, promo, text
from support.server_process import ServerProcess

pytestmark = pytest.mark.timeout(240)

CART = ("--item", "mug:2:12.50", "--item", "plate:1:5.00", "--currency", "GBP")


def test_code_is_published_validated_redeemed_once_and_rolled_back(server: ServerProcess) -> None:
    create_campaign(server, "cli-path", "--per-code", "1")
    [code] = text(server, "publish", "cli-path", "--customer", "cli-1").split()
    shopper = (code, *CART, "--customer", "cli-1")
    assert "30.00 GBP - 6.00 GBP = 24.00 GBP" in text(server, "validate", *shopper)
    redeemed = document(server, "redeem", *shopper, "--order-id", "cli-order", "--request-id", "cli-request-1")
    assert redeemed["order"]["total_amount"] == 2400
    again = document(server, "redeem", *shopper, "--order-id", "cli-order", "--request-id", "cli-request-1")
    assert again["id"] == redeemed["id"]
    refused = promo(server, "redeem", *shopper)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"promo: code {code} is used up: its limit is 1\n"
    [result] = document(server, "validate", *shopper, status=1)["results"]
    assert result["refusal"]["reason"] == "CODE_USES_EXHAUSTED"
    assert document(server, "vouchers", "get", code.lower())["redeemed_count"] == 1

    assert "6.00 GBP would be taken back" in text(server, "rollback", redeemed["id"], "--validate-only")
    undone = document(server, "rollback", redeemed["id"], "--reason", "cancelled")
    assert undone["returned_discount_amount"] == 600
    assert promo(server, "rollback", redeemed["id"]).returncode == 1
    assert document(server, "rollbacks", "get", undone["id"])["reason"] == "cancelled"
    assert "6.00 GBP" in text(server, "rollbacks", "get", undone["id"])
    assert document(server, "redemptions", "get", redeemed["id"])["state"] == "rolled_back"
    assert document(server, "orders", "get", "cli-order")["redemption_state"] == "rolled_back"
    assert document(server, "validate", *shopper)["valid"]
    for noun, wanted in (
        ("redemptions", 'campaign = "cli-path"'),
        ("rollbacks", f'redemption = "{redeemed["id"]}"'),
        ("publications", 'campaign = "cli-path"'),
        ("orders", 'customer = "cli-1"'),
    ):
        assert len(lines(server, noun, "list", "--filter", wanted, "--fresh")) == 1, noun
        assert "cli-1" in text(server, noun, "list", "--filter", wanted) or noun == "rollbacks"
    assert [one["codes"] for one in lines(server, "publications", "held", "cli-path", "cli-1")] == [[code]]


def test_one_voucher_has_terms_of_its_own_and_is_its_campaigns_again(server: ServerProcess) -> None:
    create_campaign(server, "cli-voucher", "--per-code", "1")
    code = text(server, "publish", "cli-voucher", "--customer", "cli-9").strip()
    end = ("--end", "2098-01-01T00:00:00Z")
    changed = document(server, "vouchers", "update", code, *end, "--uses", "2", "--amount", "5.00", "--metadata", "a=b")
    assert changed["redemption_limit"] == 2
    assert changed["expire_time"] == "2098-01-01T00:00:00Z"
    assert document(server, "validate", code, *CART)["order"]["total_discount_amount"] == 500
    assert "5.00 GBP off the order" in text(server, "vouchers", "get", code)
    late = promo(server, "vouchers", "update", code, "--uses", "9", "--etag", "v_1_0.77")
    assert late.returncode == 1
    cleared = document(server, "vouchers", "update", code, "--clear", "discount", "--clear", "expire_time")
    assert "expire_time" not in cleared
    assert document(server, "validate", code, *CART)["order"]["total_discount_amount"] == 600
    assert (
        "either set it or --clear it"
        in promo(server, "vouchers", "update", code, *end, "--clear", "expire_time").stderr
    )

    assert not document(server, "vouchers", "disable", code)["enabled"]
    assert not document(server, "validate", code, *CART, status=1)["valid"]
    assert document(server, "vouchers", "enable", code)["enabled"]
    held = lines(server, "vouchers", "list", "cli-voucher", "--holder", "cli-9", "--fresh")
    assert [one["code"] for one in held] == [code]
    assert len(lines(server, "vouchers", "list", "cli-voucher", "--first", "10", "--limit", "5")) == 5
    assert document(server, "vouchers", "create", "CLI-NAMED", "--campaign", "cli-voucher")["code"] == "CLI-NAMED"
    assert promo(server, "vouchers", "create", "CLI-NAMED", "--campaign", "cli-voucher").returncode == 1
    assert document(server, "vouchers", "delete", code, "--yes")["deleted"]
    assert promo(server, "vouchers", "get", code).returncode == 1


def test_many_terminals_at_once_use_a_limit_exactly(server: ServerProcess) -> None:
    create_campaign(server, "cli-crowd", "--per-campaign", "3")
    codes = text(server, "publish", "cli-crowd", "--customer", "cli-2", "--count", "8").split()
    with ThreadPoolExecutor(8) as terminals:
        done = list(terminals.map(lambda code: promo(server, "redeem", code, *CART).returncode, codes))
    assert sorted(done) == [0, 0, 0, 1, 1, 1, 1, 1]


def test_campaign_shown_as_json_can_be_created_again(server: ServerProcess, tmp_path: Path) -> None:
    options = ("--per-code", "1", "--end", "2099-01-01T00:00:00Z", "--after-publishing", "30d", "--metadata", "team=a")
    first = create_campaign(server, "cli-file", *options)
    file = tmp_path / "campaign.json"
    file.write_text(text(server, "campaigns", "get", "cli-file", "--json"))
    fine = promo(server, "campaigns", "create", "cli-copy", "--file", str(file), "--validate-only")
    assert "Nothing was changed" in fine.stdout
    assert promo(server, "campaigns", "get", "cli-copy").returncode == 1
    second = document(server, "campaigns", "create", "cli-copy", "--file", "-", stdin=file.read_text())
    for field in ("discount", "limits", "validity", "metadata", "code_count", "currency_code"):
        assert second[field] == first[field], field


def test_campaign_is_changed_in_what_was_named_only(server: ServerProcess, tmp_path: Path) -> None:
    first = create_campaign(server, "cli-change", "--per-code", "1", "--per-day", "5")
    changed = document(server, "campaigns", "update", "cli-change", "--per-day", "0", "--end", "2099-01-01T00:00:00Z")
    assert (changed["limits"]["per_day"], changed["limits"]["per_code"]) == (0, 1)
    assert changed["discount"] == first["discount"]
    file = tmp_path / "change.toml"
    file.write_text('description = "told"\nvalidity = {}\n')
    camel = document(server, "campaigns", "update", "cli-change", "--file", "-", stdin='{"joinOnce": true}')
    assert camel["join_once"] is True
    changed = document(server, "campaigns", "update", "cli-change", "--file", str(file))
    assert changed["description"] == "told"
    assert "expire_time" not in changed.get("validity", {})
    old = tmp_path / "old.json"
    old.write_text(json.dumps({"etag": first["etag"], "description": "late"}))
    assert promo(server, "campaigns", "update", "cli-change", "--file", str(old)).returncode == 1
    assert promo(server, "campaigns", "update", "cli-change").stderr.startswith("promo: nothing to change")

    assert document(server, "campaigns", "update", "cli-change", "--percent", "25")["discount"]["percent"] == {
        "basis_points": 2500,
        "effect": "apply_to_order",
        "amount_limit": 5000,
    }
    changed = text(
        server, "campaigns", "update", "cli-change", "--max-discount", "40.00", "--end", "2099-02-01T00:00:00Z"
    )
    assert "25 % off the order, at most 40.00 GBP" in changed
    assert "until 2099-02-01T00:00:00Z" in changed

    code = text(server, "publish", "cli-change", "--customer", "cli-3").strip()
    assert not document(server, "campaigns", "disable", "cli-change")["enabled"]
    assert not document(server, "validate", code, *CART, status=1)["valid"]
    assert document(server, "campaigns", "enable", "cli-change")["enabled"]
    assert document(server, "campaigns", "delete", "cli-change", "--yes")["deleted"]
    assert promo(server, "campaigns", "get", "cli-change").returncode == 1


def test_campaign_for_an_import_is_made_by_an_explicit_count_of_none(server: ServerProcess, tmp_path: Path) -> None:
    options = ("--currency", "GBP", "--percent", "10", "--per-code", "1")
    refused = promo(server, "campaigns", "create", "cli-none", *options)
    assert refused.stderr.startswith("promo: a campaign also needs --codes (0 for one whose codes are imported)")
    made = document(server, "campaigns", "create", "cli-none", *options, "--codes", "0")
    assert (made["code_count"], made["code_mode"]) == (0, "stored")
    file = tmp_path / "none.json"
    file.write_text(json.dumps(made))
    assert document(server, "campaigns", "create", "cli-none-2", "--file", str(file))["code_count"] == 0


def test_campaign_whose_codes_have_no_limit_says_so(server: ServerProcess) -> None:
    options = ("--currency", "GBP", "--percent", "10", "--codes", "10")
    assert "Uses per code: unlimited" in promo(server, "campaigns", "create", "cli-endless", *options).stderr
    assert promo(server, "campaigns", "create", "cli-once", *options, "--per-code", "1").stderr == ""


def test_code_in_another_currency_shows_its_own_and_its_hold_is_no_use(server: ServerProcess) -> None:
    create_campaign(server, "cli-currency", "--per-code", "1")
    code = text(server, "publish", "cli-currency", "--customer", "cli-10").strip()
    abroad = promo(server, "validate", code, "--amount", "10.00", "--currency", "EUR")
    assert abroad.returncode == 1
    assert "at most 50.00 GBP" in abroad.stdout
    document(server, "validate", code, *CART, "--hold", "15m")
    assert "used or held  1 of 1" in text(server, "vouchers", "get", code)


def test_filter_on_a_campaign_that_is_not_there_says_so(server: ServerProcess) -> None:
    create_campaign(server, "cli-quiet")
    assert "no campaign cli-nope" in promo(server, "redemptions", "list", "--filter", 'campaign = "cli-nope"').stderr
    assert promo(server, "redemptions", "list", "--filter", 'campaign = "cli-quiet"').stderr == ""


def test_list_says_when_there_is_more(server: ServerProcess) -> None:
    for number in range(3):
        create_campaign(server, f"cli-list-{number}")
    done = promo(server, "campaigns", "list", "--limit", "2")
    assert len(done.stdout.splitlines()) == 3
    assert "--limit 0 shows all" in done.stderr
    assert len(lines(server, "campaigns", "list", "--limit", "0")) >= 3


def test_hold_is_kept_for_the_one_who_has_its_key(server: ServerProcess) -> None:
    create_campaign(server, "cli-hold", "--per-code", "1")
    code = text(server, "publish", "cli-hold", "--customer", "cli-4").strip()
    held = document(server, "validate", code, *CART, "--hold", "15m")["session"]["key"]
    assert promo(server, "redeem", code, *CART).returncode == 1
    assert held in text(server, "sessions", "list", "--limit", "0")
    assert document(server, "sessions", "get", held)["codes"] == [code]
    checked = promo(server, "sessions", "release", held, "--validate-only")
    assert checked.stdout == f"{held} can be released. Nothing was changed.\n"
    assert document(server, "sessions", "release", held, "--validate-only") == {"key": held, "released": False}
    assert document(server, "sessions", "release", held)["released"]
    held = document(server, "validate", code, *CART, "--hold", "15m")["session"]["key"]
    assert document(server, "redeem", code, *CART, "--session", held)["state"] == "succeeded"


def test_holds_are_listed_by_their_end_of_what_options_name(server: ServerProcess) -> None:
    create_campaign(server, "cli-holds", "--per-code", "1")
    codes = [text(server, "publish", "cli-holds", "--customer", f"cli-hold-{n}").strip() for n in range(3)]
    held = [
        document(server, "validate", code, *CART, "--hold", time)["session"]
        for code, time in zip(codes, ("30m", "10m", "20m"), strict=True)
    ]
    keys = [held[at]["key"] for at in (1, 2, 0)]

    def listed(*options: str) -> list[str]:
        return [one["key"] for one in lines(server, "sessions", "list", *options)]

    assert listed("--campaign", "cli-holds") == keys
    assert listed("--campaign", "cli-holds", "--order-by", "expire_time desc") == keys[::-1]
    assert listed("--code", codes[2].lower()) == [keys[1]]
    end = held[2]["expire_time"]
    assert listed("--campaign", "cli-holds", "--expire-time-from", end) == keys[1:]
    assert listed("--campaign", "cli-holds", "--expire-time-before", end) == keys[:1]
    refused = promo(server, "sessions", "list", "--order-by", "customer")
    assert (refused.returncode, "--order-by: must be one of expire_time" in refused.stderr) == (1, True)
    unknown = promo(server, "sessions", "list", "--campaign", "cli-no-such")
    assert (unknown.returncode, "no campaign cli-no-such" in unknown.stderr) == (0, True)
    assert promo(server, "sessions", "list", "--expire-time-from", "2026-12-01T00:00:00").returncode == 2


def test_codes_are_generated_once_for_a_request_id(server: ServerProcess) -> None:
    create_campaign(server, "cli-codes")
    batch = document(server, "codes", "generate", "cli-codes", "50", "--request-id", "cli-batch")
    assert (batch["code_count"], batch["first_position"]) == (50, 1000)
    assert document(server, "codes", "generate", "cli-codes", "50", "--request-id", "cli-batch") == batch
    assert document(server, "codes", "count", "cli-codes")["issued_count"] == 1050
    assert [one["code_count"] for one in lines(server, "codes", "batches", "cli-codes")] == [1000, 50]


def test_customer_is_written_read_and_erased(server: ServerProcess) -> None:
    document(server, "customers", "upsert", "cli-5", "--name", "Ada", "--email", "cli@example.com", "--metadata", "a=b")
    document(server, "customers", "upsert", "cli-5", "--email", "")
    found = document(server, "customers", "get", "cli-5")
    assert (found["name"], found["email"], found["metadata"]) == ("Ada", "", {"a": "b"})
    assert document(server, "customers", "erase", "cli-5", "--yes")["erased"]
    assert promo(server, "customers", "get", "cli-5").returncode == 1


def test_order_comes_from_a_file_in_minor_units(server: ServerProcess, tmp_path: Path) -> None:
    create_campaign(server, "cli-order-file")
    code = text(server, "publish", "cli-order-file", "--customer", "cli-6").strip()
    file = tmp_path / "cart.json"
    file.write_text('{"currency_code": "GBP", "items": [{"product_id": "mug", "quantity": 2, "price": 1250}]}')
    assert document(server, "validate", code, "--order", str(file))["order"]["total_amount"] == 2000
    file.write_text('{"currency_code": "GBP", "items": [{"product_id": "mug", "quantity": 2, "price": 12.5}]}')
    refused = promo(server, "validate", code, "--order", str(file))
    assert refused.returncode == 1
    assert str(file) in refused.stderr


def test_project_is_created_and_listed(server: ServerProcess) -> None:
    made = document(server, "projects", "create", "cli project", "--time-zone", "Europe/London")
    assert made["id"] in [one["id"] for one in lines(server, "projects", "list", "--limit", "0")]
    assert promo(server, "projects", "create", "cli project").returncode == 1


def test_ledger_is_followed_live_and_shows_nothing_twice(server: ServerProcess) -> None:
    create_campaign(server, "cli-tail")
    codes = text(server, "publish", "cli-tail", "--customer", "cli-7", "--count", "5").split()
    process = subprocess.Popen(
        command("ledger", "tail", "--json", "--last", "1", "--interval", "0.1"),
        env=environment(server),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    # Its last entry is there already: from here on it follows.
    assert json.loads(process.stdout.readline())["codes"] == codes
    redeemed = [document(server, "redeem", code, *CART)["id"] for code in codes]
    undone = document(server, "rollback", redeemed[0])["id"]
    seen = [json.loads(process.stdout.readline()) for _ in range(len(codes) + 1)]
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    # Each kind is read on its own, so between two reads a rollback can overtake a redemption.
    assert [one["id"] for one in seen if one["kind"] == "redemption"] == redeemed
    assert [one["id"] for one in seen if one["kind"] == "rollback"] == [undone]
    assert rest == ""
    assert process.returncode == 130


def test_store_tells_what_its_memory_holds_and_changes_nothing(server: ServerProcess) -> None:
    create_campaign(server, "cli-store", "--per-code", "1")
    code = text(server, "publish", "cli-store", "--customer", "cli-8").strip()
    document(server, "redeem", code, *CART)
    status = document(server, "store", "status")
    assert status["append_only"]
    assert status["append_fsync"] == "always"
    found = document(server, "store", "memory")
    kinds = {one["kind"]: one["keys"] for one in found["kinds"]}
    assert {"definitions", "ledger", "holders of codes", "bits of single-use codes"} <= set(kinds)
    assert "not of this product" not in kinds
    assert sum(kinds.values()) == found["keys_measured"]
    assert document(server, "store", "memory", "--keys", "5")["keys_measured"] == 5
    assert promo(server, "ledger", "verify").returncode == 0


def test_campaign_tells_how_much_of_its_limits_is_used(server: ServerProcess) -> None:
    create_campaign(server, "cli-totals", "--per-campaign", "5", "--discount-budget", "100.00")
    codes = text(server, "publish", "cli-totals", "--customer", "cli-11", "--count", "3").split()
    redeemed = [document(server, "redeem", code, *CART)["id"] for code in codes]
    document(server, "rollback", redeemed[0])
    # Waits until the archive has all of it.
    lines(server, "redemptions", "list", "--filter", 'campaign = "cli-totals"', "--fresh")
    found = document(server, "ledger", "totals", "cli-totals")
    assert (found["redeemed_count"], found["rolled_back_count"]) == (3, 1)
    assert (found["discount_amount"], found["returned_discount_amount"]) == (1800, 600)
    assert found["limits"] == {
        "per_campaign": {"taken": 2, "limit": 5},
        "discount_budget": {"taken": 1200, "limit": 10000},
    }
    assert "12.00 GBP of 100.00 GBP" in text(server, "ledger", "totals", "cli-totals")
    assert promo(server, "ledger", "totals", "cli-nope").stderr == "promo: there is no campaign cli-nope\n"


def test_store_that_does_not_answer_is_one_line(server: ServerProcess) -> None:
    done = subprocess.run(
        command("store", "status"),
        env={**environment(server), "PROMO_STORE__URL": "redis://127.0.0.1:1/0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "promo doctor" in done.stderr


def test_reader_who_has_enough_is_no_failure(new_server: Callable[[], ServerProcess]) -> None:
    server = new_server()
    for number in range(3):
        create_campaign(server, f"cli-pipe-{number}")
    for arguments in (("campaigns", "list", "--json"), ("campaigns", "list"), ("codes", "export", "cli-pipe-0")):
        process = subprocess.Popen(
            command(*arguments), env=environment(server), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        process.stdout.close()
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
    # A stream whose caller has gone is nobody's failure. A server that has ended has written all that it has to say.
    assert server.stop() == 0
    assert '"level": "error"' not in server.log.read_text()


def test_changes_can_be_tried_and_repeated(server: ServerProcess) -> None:
    campaign = "cli-dry"
    before = create_campaign(server, campaign)["code_count"]
    [code] = text(server, "codes", "export", campaign, "--count", "1", "--format", "txt").split()
    for change in (
        ("campaigns", "disable", campaign),
        ("campaigns", "delete", campaign),
        ("vouchers", "disable", code),
        ("vouchers", "delete", code),
        ("codes", "generate", campaign, "5"),
        ("customers", "erase", "somebody"),
        ("keys", "create", "--name", campaign),
    ):
        # Nobody is asked whether nothing is to be done.
        assert "Nothing was changed." in text(server, *change, "--validate-only"), change
    assert document(server, "campaigns", "get", campaign)["code_count"] == before
    assert document(server, "vouchers", "get", code)["enabled"]
    assert campaign not in text(server, "keys", "list")

    repeated = ("keys", "create", "--name", campaign, "--request-id", campaign)
    made = document(server, *repeated)
    assert text(server, *repeated).startswith(f"{made['id']} was created before;")
    assert "token" not in document(server, *repeated)
    assert "can be revoked" in text(server, "keys", "revoke", str(made["id"]), "--validate-only")
    assert text(server, "keys", "revoke", str(made["id"])) == f"Revoked {made['id']}.\n"
