from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import forks
from support.cli import command, environment, promo
from support.server_process import KEY, ServerProcess

from promo.client import Campaign, Limits, PromoClient, Timeouts, percent_off
from promo_server.cli.books import Books, open_books
from promo_server.cli.demo.reconcile import reconcile
from promo_server.cli.replay.behaviour import Behaviour
from promo_server.cli.replay.events import Line, Order
from promo_server.cli.replay.player import Player
from promo_server.cli.replay.tally import Tally
from promo_server.cli.replay.wallet import hand_out
from promo_server.settings import load
from promo_server.store import keys

pytestmark = pytest.mark.timeout(240)

HEADER = "invoice_no,customer_id,stock_code,quantity,unit_price_pence"


def promo_json(server: ServerProcess, *arguments: str) -> Any:
    done = promo(server, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def make_campaign(server: ServerProcess, name: str, code_count: int = 1_000, **limits: int) -> Campaign:
    async def make() -> Campaign:
        async with PromoClient.connect(server.target, key=KEY, timeout=Timeouts(managed=60)) as client:
            return await client.campaigns.create(
                Campaign(
                    name=name,
                    currency_code="GBP",
                    discount=percent_off(20),
                    limits=Limits(**limits),
                    code_count=code_count,
                    join_once=True,
                ),
            )

    return asyncio.run(make())


def test_command_that_calls_with_tls_where_there_is_none_is_told_so(server: ServerProcess) -> None:
    done = forks.run(forks.PROMO, ["campaigns", "list"], {**environment(server), "PROMO_TLS": "true"})
    assert done.returncode == 1
    assert "something answers there, but without TLS: unset PROMO_TLS" in done.stderr


def test_export_is_the_same_to_a_file_and_to_a_pipe(server: ServerProcess, tmp_path: Path) -> None:
    make_campaign(server, "export", 2_500)
    printed = promo(server, "codes", "export", "export").stdout
    codes = printed.splitlines()
    assert len(set(codes)) == 2_500
    file = tmp_path / "codes.csv"
    assert promo_json(server, "codes", "export", "export", "-o", str(file))["codes"] == 2_500
    assert file.read_text() == "code\n" + printed
    assert promo(server, "codes", "export", "export", "--first", "100", "--count", "3").stdout.split() == codes[100:103]
    again = promo(server, "codes", "export", "export", "-o", str(file))
    assert again.returncode == 1
    assert "choose another name" in again.stderr
    assert "is whole" in promo(server, "codes", "export", "export", "-o", str(file), "--resume").stdout


def test_interrupted_export_is_resumed_byte_by_byte(server: ServerProcess, tmp_path: Path) -> None:
    make_campaign(server, "resumed", 1_000_000)
    file = tmp_path / "codes.txt"
    arguments = ("codes", "export", "resumed", "-o", str(file))
    environment = {**server.environment, "PROMO_KEY": KEY, "PROMO_TARGET": server.target}
    process = subprocess.Popen(command(*arguments), env=environment, stderr=subprocess.PIPE, text=True)
    part = file.with_name("codes.txt.part")
    deadline = time.monotonic() + 60
    while process.poll() is None and not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert promo(server, *arguments, "--resume").returncode == 0
    whole = tmp_path / "whole.txt"
    assert promo(server, "codes", "export", "resumed", "-o", str(whole)).returncode == 0
    assert file.read_bytes() == whole.read_bytes()
    assert whole.read_bytes().count(b"\n") == 1_000_000


@pytest.mark.parametrize("local", [False, True], ids=["from the server", "with the key"])
def test_export_killed_at_any_moment_is_resumed_byte_by_byte(
    server: ServerProcess, tmp_path: Path, *, local: bool
) -> None:
    campaign = make_campaign(server, f"killed-{local}", 10_000_000)
    key, file, whole = tmp_path / "key.json", tmp_path / "codes.txt", tmp_path / "whole.txt"
    part = file.with_name("codes.txt.part")
    assert promo(server, "codes", "key", campaign.name, "-o", str(key)).returncode == 0
    source = ("--key", str(key)) if local else (campaign.name,)

    def written() -> int:
        return part.stat().st_size if part.exists() else 0

    kills, resume = 0, list[str]()
    while not file.exists():
        before = written()
        process = subprocess.Popen(
            command("codes", "export", *source, "-o", str(file), *resume),
            env=environment(server),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if kills < 3:
            while process.poll() is None and written() == before:
                time.sleep(0.001)
            time.sleep(random.uniform(0.0, 0.05))
            process.kill()
        _, errors = process.communicate(timeout=60)
        if process.returncode != 0:
            assert process.returncode == -signal.SIGKILL, errors
            kills += 1
        # One that is killed before it wrote anything leaves nothing to go on with.
        resume = ["--resume"] if part.exists() else []
    assert kills, "the export was over before it could be killed"
    assert promo(server, "codes", "export", campaign.name, "-o", str(whole)).returncode == 0
    assert file.read_bytes() == whole.read_bytes()
    assert whole.read_bytes().count(b"\n") == 10_000_000


def test_export_of_an_unknown_campaign_leaves_no_whole_file(server: ServerProcess, tmp_path: Path) -> None:
    done = promo(server, "codes", "export", "nowhere", "-o", str(tmp_path / "codes.csv"))
    assert done.returncode == 1
    assert len([line for line in done.stderr.splitlines() if line.startswith("promo: ")]) == 1
    assert not (tmp_path / "codes.csv").exists()


def test_replay_run_twice_uses_nothing_twice(server: ServerProcess, tmp_path: Path) -> None:
    make_campaign(server, "replayed", per_code=1, per_customer=1)
    file = tmp_path / "invoices.csv"
    rows = [f"{number},c{number % 40},p,1,{1000 + number}" for number in range(60)]
    file.write_text("\n".join((HEADER, *rows, "C1,c30,p,-1,1030", "")))
    first = promo_json(server, "orders", "replay", str(file), "--campaign", "replayed", "--repeats", "20")
    assert (first["orders"], first["redeemed"], first["rolled_back"]) == (60, 40, 1)
    assert first["refused_redemptions"] == {"CODE_USES_EXHAUSTED": 20}
    again = promo_json(server, "orders", "replay", str(file), "--campaign", "replayed", "--repeats", "20")
    for figure in ("orders", "redeemed", "discount", "rolled_back", "discount_returned"):
        assert again[figure] == first[figure], figure


def test_replay_for_an_unknown_campaign_is_one_line(server: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "invoices.csv"
    file.write_text(f"{HEADER}\n1,c,p,1,1000\n")
    done = promo(server, "orders", "replay", str(file), "--campaign", "nowhere")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_ledger_of_a_server_that_never_ran_says_what_to_do(server: ServerProcess, tmp_path: Path) -> None:
    done = promo(server, "ledger", "verify", "--state-dir", str(tmp_path / "none"))
    assert done.returncode == 1
    assert "promo serve" in done.stderr


def test_tampering_with_any_side_is_found(new_server: Callable[..., ServerProcess]) -> None:
    server = new_server()
    asyncio.run(_tamper(server))


async def _tamper(server: ServerProcess) -> None:
    project = str(server.ready["project_id"])
    settings = load(overrides={"state_dir": server.state_dir}).settings
    async with (
        PromoClient.connect(server.target, key=KEY, timeout=Timeouts(hot=20, batch=60, managed=60)) as client,
        open_books(settings) as books,
    ):
        campaign = await client.campaigns.create(
            Campaign(
                name="watched",
                currency_code="GBP",
                discount=percent_off(20),
                limits=Limits(per_code=1, per_customer=1, per_campaign=50, discount_budget=1_000_000),
                code_count=100,
            ),
        )
        tally = Tally()
        customers = [f"c{number}" for number in range(30)]
        wallet = await hand_out(client, campaign.id, customers, 0, tally, lambda _: None)
        player = Player(client, "GBP", wallet, Behaviour(cancels=20, repeats=20), tally, "run")
        orders = [Order(f"o{number}", name, (Line("p", 1, 999),)) for number, name in enumerate(customers)]
        await player.play(orders, 8, lambda: None)
        assert (await reconcile(books, project, campaign, tally)).agrees
        assert promo_verify(server) == 0

        tally.discount += 1
        found = await reconcile(books, project, campaign, tally)
        assert not found.agrees
        assert any(problem.startswith("discount: the shops counted") for problem in found.problems)
        tally.discount -= 1

        await _add_to_the_budget(books, project)
        found = await reconcile(books, project, campaign, tally)
        assert not found.agrees
        assert found.report.differences
        assert promo_verify(server) == 1


def promo_verify(server: ServerProcess) -> int:
    return promo(server, "ledger", "verify").returncode


async def _add_to_the_budget(books: Books, project: str) -> None:
    async with books.database.read() as unit:
        uses = await unit.archive.limits(project, "", 1_000)
    money = next(use for use in uses if use.amount != use.count)
    name, _ = keys.limit(project, money.limit, books.ledger.partitions, single_use=False)
    total, _, sequence = (await books.store.get(name)).partition(b":")
    await books.store.set(name, b"%d:%s" % (int(total) + 1, sequence))
