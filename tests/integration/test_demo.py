from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HEADER = "invoice_no,invoice_date,customer_id,country,stock_code,description,quantity,unit_price_pence"
REPOSITORY = Path(__file__).parents[2]

# The demonstration takes seconds; a machine with much else to do takes longer.
pytestmark = pytest.mark.timeout(240)

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    def start(*arguments: str) -> subprocess.Popen[str]:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PROMO_")},
            "PROMO_STATE_DIR": str(tmp_path / "state"),
            "PROMO_TELEMETRY__LISTEN": "127.0.0.1:0",
            "PROMO_HTTP__LISTEN": "127.0.0.1:0",
        }
        return subprocess.Popen(
            [sys.executable, "-m", "promo_server.cli", "serve", "--demo", "--listen", "127.0.0.1:0", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def figures(process: subprocess.Popen[str]) -> Any:
    output, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    return json.loads(output)


def assert_reconciled(found: Any) -> None:
    accounts = found["reconciliation"]["accounts"]
    assert found["reconciliation"]["problems"] == []
    assert found["reconciliation"]["agrees"] is True
    assert accounts["shops"] == accounts["ledger"] == accounts["archive"]
    assert accounts["shops"]["given"] == accounts["store"]["given"] == found["discount_given"] > 0
    assert accounts["shops"]["counting"] == accounts["store"]["counting"] == found["redemptions_that_count"]
    assert found["repeats_with_another_answer"] == []


def pasted(text: str) -> subprocess.CompletedProcess[str]:
    """What a terminal makes of text that the demonstration prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PROMO_")}
    command = ["/bin/bash", "-euc", text]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)


def write_invoices(path: Path, *rows: str) -> Path:
    path.write_text("\n".join((HEADER, *rows, "")))
    return path


def invoice(number: str, customer: str, quantity: int = 2, price: int = 5_000) -> str:
    return f"{number},2010-12-01T08:26:00Z,{customer},France,p{number[-1]},THING,{quantity},{price}"


def test_demo_on_made_up_orders_agrees_to_the_penny(start: Start) -> None:
    found = figures(start("--once", "--json"))
    assert_reconciled(found)
    assert (found["orders"], found["customers"], found["codes_published"]) == (2_000, 1_000, 1_000)
    assert found["repeated_requests"] > 0
    assert found["rolled_back"] > 0
    assert set(found["refused_redemptions"]) == {
        "BUDGET_EXHAUSTED",
        "CAMPAIGN_LIMIT_REACHED",
        "CODE_USES_EXHAUSTED",
        "CUSTOMER_LIMIT_REACHED",
    }
    assert "CODE_NOT_FOUND" in found["refused_validations"]
    for kind in ("validate", "redeem", "rollback", "batch publish"):
        assert 0 < found["latency_ms"][kind]["p50"] <= found["latency_ms"][kind]["p99"]


@pytest.mark.extended
def test_demo_on_real_invoices_agrees_to_the_penny(start: Start) -> None:
    given = os.environ.get("PROMO_TEST_ORDERS")
    file = Path(given) if given else REPOSITORY.parent / "shared" / "data" / "online-retail-10k.csv"
    if not file.exists():
        pytest.skip(f"{file} is not there; name a file of invoices with PROMO_TEST_ORDERS")
    found = figures(start("--once", "--json", "--orders", str(file)))
    assert_reconciled(found)
    assert found["redeemed"] > 0
    assert sum(found["skipped"].values()) > 0


@pytest.mark.extended
def test_demo_says_what_it_left_out_of_a_file(start: Start, tmp_path: Path) -> None:
    file = write_invoices(
        tmp_path / "invoices.csv",
        *(invoice(f"1{number}", f"customer {number}") for number in range(10)),
        invoice("200", ""),
        invoice("201", "customer 1", quantity=-3),
        invoice("202", "customer 1", price=0),
        "203,what",
        invoice("C10", "customer 0", quantity=-1),
        invoice("C99", "nobody", quantity=-1),
    )
    output, errors = start("--once", "--orders", str(file)).communicate(timeout=200)
    for text in (
        "order without a customer: nobody to hand a code to",
        "line 15: line that cannot be read (has 2 columns)",
        "line 13: line with a negative quantity outside a cancellation (quantity -3)",
        "cancellation of no order that got a discount here",
        "order worth nothing",
        "All sides agree to the penny",
        "PROMO_KEY=",
        "Store memory",
    ):
        assert text in output, errors
    assert "orders: 12 of 12" in errors


@pytest.mark.extended
def test_demo_can_be_run_again_in_the_same_folder(start: Start, tmp_path: Path) -> None:
    file = write_invoices(tmp_path / "invoices.csv", *(invoice(f"1{number}", f"c{number}") for number in range(5)))
    first = figures(start("--once", "--json", "--orders", str(file)))
    time.sleep(1)
    again = figures(start("--once", "--json", "--orders", str(file)))
    assert_reconciled(again)
    assert again["orders"] == first["orders"] == 5


@pytest.mark.extended
def test_demo_goes_on_serving_until_it_is_interrupted(start: Start, tmp_path: Path) -> None:
    file = write_invoices(tmp_path / "invoices.csv", *(invoice(f"1{number}", f"c{number}") for number in range(3)))
    process = start("--orders", str(file))
    assert process.stdout is not None
    assert process.stderr is not None
    lines = [""]
    while "Control-C" not in lines[-1]:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        lines.append(line)
    text = "".join(lines)
    python = text[text.index(f"\n{sys.executable} - <<") : text.index("From anything")]
    done = pasted(python)
    assert done.stdout.split()[1] == "2250"
    done = pasted(text[text.index("\nexport PROMO_STATE_DIR=") : text.index("Control-C")])
    assert "25.00 GBP - 2.50 GBP = 22.50 GBP" in done.stdout
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert not (tmp_path / "state" / "demo" / "store.sock").exists()


def test_file_that_is_no_file_of_invoices_is_refused_before_anything_starts(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a,b\n1,2\n")
    _, errors = (process := start("--orders", str(file))).communicate(timeout=60)
    assert process.returncode == 1
    assert errors.startswith(f"promo: {file}: has no column invoice_no")
    assert not (tmp_path / "state").exists()
