"""Importers and servers killed in the middle of an import: it goes on, and nothing is doubled or lost."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from support.server_process import KEY, ServerProcess
from support.shop import CART, OK, codes_of, new_campaign, race

from promo.client import Limits, PromoClient

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(240)]

ROWS = 250_000


def importer(server: ServerProcess, *arguments: str) -> subprocess.Popen[str]:
    environment = {**server.environment, "PROMO_KEY": KEY, "PROMO_TARGET": server.target}
    command = [sys.executable, "-m", "promo_server.cli", "codes", "import", *arguments, "--json"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = await asyncio.to_thread(process.communicate)
    return process.returncode, out, err


@pytest.mark.parametrize("victim", ["importer", pytest.param("server", marks=pytest.mark.extended)])
async def test_an_import_that_was_killed_goes_on_and_has_every_code_once(
    own_server: ServerProcess, client: PromoClient, tmp_path: Path, victim: str
) -> None:
    campaign = await new_campaign(client, Limits(per_code=1), code_count=0)
    codes = [f"OLD-{number:06}-{random.randrange(10**6):06}" for number in range(ROWS)]
    file = tmp_path / "codes.csv"
    file.write_text("code\n" + "".join(f"{code}\n" for code in codes))
    arguments = [str(file), "--campaign", campaign.name]
    resume, kills = False, 0
    while True:
        process = importer(own_server, *arguments, *(["--resume"] if resume else []))
        # On a slow machine the first ones are killed before their first row: later ones have more time.
        if kills < 3 or (not resume and kills < 12):
            await asyncio.sleep(random.uniform(0.3, 1.6) * (1 + kills / 3))
            if process.poll() is None:
                kills += 1
                if victim == "importer":
                    process.kill()
                else:
                    await asyncio.to_thread(own_server.kill)
                    await asyncio.to_thread(own_server.start)
        status, out, err = await ended(process)
        if status == 0:
            told = json.loads(out)
            assert (told["rows"], told["accepted"], told["refused"]) == (ROWS, ROWS, 0)
            assert resume, "no import was killed in the middle"
            break
        resume = "no import to go on with" not in err
        if not resume and (await client.publications.count_codes(campaign.name)).issued_count == ROWS:
            # Killed when all was done, before it could say so. Before the first row, the import was perhaps not begun.
            break
    assert await codes_of(client, campaign, ROWS) == codes
    assert (await client.publications.count_codes(campaign.name)).issued_count == ROWS
    some = random.sample(codes, 50)
    assert await race(client.redeem(codes=[code], order=CART) for code in some) == {OK: 50}
