"""The example programs, run as a reader would run them, against a real server."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from support.server_process import KEY, ServerProcess

from promo.client import Campaign, Limits, SyncPromoClient, percent_off

EXAMPLES = Path(__file__).parents[2] / "clients" / "examples"


def command(server: ServerProcess, program: str, *arguments: str) -> list[str]:
    return [sys.executable, str(EXAMPLES / program), "--target", server.target, *arguments]


def run(server: ServerProcess, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(server, program, *arguments),
        env={**os.environ, "PROMO_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def new_campaign(server: ServerProcess, code_count: int = 100) -> str:
    name = f"example-{uuid.uuid4().hex}"
    campaign = Campaign(
        name=name,
        currency_code="GBP",
        discount=percent_off(20),
        limits=Limits(per_code=1),
        code_count=code_count,
    )
    with SyncPromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        client.campaigns.create(campaign)
    return name


def published(server: ServerProcess, campaign: str) -> str:
    with SyncPromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        return client.publish(campaign=campaign, customer="17850").codes[0]


def checkout(server: ServerProcess, code: str, number: str, *more: str) -> subprocess.CompletedProcess[str]:
    return run(server, "checkout.py", "--customer", "17850", "--order", number, *more, code)


def test_a_checkout_uses_a_code_once_and_tells_the_next_shopper_why_not(server: ServerProcess) -> None:
    code = published(server, new_campaign(server))
    number = uuid.uuid4().hex
    first = checkout(server, code, number)
    assert first.returncode == 0, first.stderr
    assert f"{code} takes £7.13 off" in first.stdout
    assert "paid £28.51" in first.stdout
    second = checkout(server, code, uuid.uuid4().hex)
    assert second.returncode == 1
    assert "has been used already" in second.stdout
    unknown = checkout(server, "NOSUCHCODE", uuid.uuid4().hex)
    assert "We do not know this code" in unknown.stdout
    assert "Traceback" not in first.stderr + second.stderr + unknown.stderr


def test_a_declined_card_and_a_cancelled_order_leave_the_code_usable(server: ServerProcess) -> None:
    code = published(server, new_campaign(server))
    declined = checkout(server, code, uuid.uuid4().hex, "--card", "declined")
    assert declined.returncode == 1
    assert "the code can be used again" in declined.stdout
    cancelled = checkout(server, code, uuid.uuid4().hex, "--cancel")
    assert cancelled.returncode == 0, cancelled.stderr
    assert "£7.13 given back" in cancelled.stdout
    assert checkout(server, code, uuid.uuid4().hex).returncode == 0


def test_a_mailing_gives_everybody_one_code_and_the_same_one_when_it_is_run_again(
    server: ServerProcess,
    tmp_path: Path,
) -> None:
    campaign = new_campaign(server, code_count=2_600)
    customers, codes = tmp_path / "customers.txt", tmp_path / "codes.csv"
    customers.write_text("".join(f"customer-{number}\n" for number in [*range(2_500), 7]))
    first = run(server, "bulk_publish.py", "--campaign", campaign, str(customers), str(codes))
    assert first.returncode == 0, first.stderr
    content = codes.read_text()
    rows = list(csv.DictReader(content.splitlines()))
    assert len({row["customer"] for row in rows}) == len({row["code"] for row in rows}) == len(rows) == 2_500
    again = run(server, "bulk_publish.py", "--campaign", campaign, str(customers), str(codes))
    assert again.returncode == 0, again.stderr
    assert codes.read_text() == content


def test_a_mailing_says_how_many_got_no_code_and_why(server: ServerProcess, tmp_path: Path) -> None:
    campaign = new_campaign(server, code_count=10)
    customers, codes = tmp_path / "customers.txt", tmp_path / "codes.csv"
    customers.write_text("".join(f"customer-{number}\n" for number in range(12)))
    ended = run(server, "bulk_publish.py", "--campaign", campaign, str(customers), str(codes))
    assert ended.returncode == 1
    assert "2 customers without a code: CODES_EXHAUSTED" in ended.stdout
    assert len(codes.read_text().splitlines()) == 11


@pytest.mark.timeout(180)
@pytest.mark.extended
def test_an_export_that_is_killed_goes_on_and_writes_the_same_file(server: ServerProcess, tmp_path: Path) -> None:
    campaign = new_campaign(server, code_count=20_000_000)
    whole, resumed = tmp_path / "whole.txt", tmp_path / "resumed.txt"
    arguments = ("nightly_export.py", "--campaign", campaign)
    first = run(server, *arguments, str(whole))
    assert first.returncode == 0, first.stderr
    assert "20,000,000 of 20,000,000 codes (100%)" in first.stderr

    state = tmp_path / "resumed.txt.state"
    program = subprocess.Popen(
        command(server, *arguments, str(resumed)),
        env={**os.environ, "PROMO_KEY": KEY},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not state.exists() and program.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    program.send_signal(signal.SIGKILL)
    program.wait()
    assert state.exists(), "killed in the middle"
    assert not resumed.exists(), "a file that is not whole has not its name"

    second = run(server, *arguments, str(resumed))
    assert second.returncode == 0, second.stderr
    assert resumed.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["resumed.txt", "whole.txt"]
