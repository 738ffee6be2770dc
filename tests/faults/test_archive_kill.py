"""kill -9 of the process that fills the archive, at random moments under load: every event is archived once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest
from support.archive import archive_process, events_of_archive, events_of_store
from support.cli import document
from support.server_process import KEY, ServerProcess
from support.shop import OFF, codes_of, new_campaign
from support.trimming import until_archived
from support.witness import Witness

from promo.client import Limits, PromoClient

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(240)]

SHOPPERS = 8
LIMIT = 100_000


async def kill_and_compare(server: ServerProcess, database_url: str, rounds: int, seed: int) -> None:
    moments = random.Random(seed)
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        limits = Limits(per_campaign=LIMIT, per_customer=LIMIT, per_day=LIMIT, discount_budget=LIMIT * OFF)
        campaign = await new_campaign(client, limits, code_count=100_000)
        witness = Witness(server, campaign, await codes_of(client, campaign, 200))
        shopping = asyncio.create_task(witness.shop(SHOPPERS))
        try:
            for number in range(rounds):
                process = await asyncio.to_thread(archive_process, server)
                # Every other one is given the time to begin, which takes a second or more; the others may be.
                if number % 2:
                    await archives_something(client)
                await asyncio.sleep(moments.uniform(0, 0.5))
                assert not shopping.done(), await shopping
                process.kill()
                # Else the next look could find this one again.
                await asyncio.to_thread(process.wait, 60)
        finally:
            witness.stop()
            await shopping
    await until_archived(server)
    happened, archived = events_of_store(server), await events_of_archive(database_url)
    assert {name for name, *_ in happened.redemptions} == {one.answer.id for one in witness.redeemed}
    assert {name for name, _ in happened.rollbacks} == {one.answer.id for one in witness.redeemed if one.undone}
    assert len(happened.publications) == len(witness.published)
    assert archived == happened
    assert set(archived.redemptions.values()) | set(archived.movements.values()) == {1}
    assert document(server, "ledger", "verify")["agrees"]


async def archives_something(client: PromoClient) -> None:
    """Return once the archive has a newer redemption than now; on a busy machine it may never have the newest."""

    async def newest() -> str:
        async for one in client.redemptions.list(page_size=1, timeout=30.0):
            return one.id
        return ""

    before = await newest()
    async with asyncio.timeout(60):
        while await newest() == before:
            await asyncio.sleep(0.02)


async def test_an_archive_process_killed_under_load_loses_and_doubles_nothing(
    new_server: Callable[..., ServerProcess], database_url: str
) -> None:
    await kill_and_compare(new_server(PROMO_SQL__URL=database_url), database_url, rounds=4, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
async def test_an_archive_process_killed_twenty_times_under_load(
    new_server: Callable[..., ServerProcess], database_url: str, seed: int
) -> None:
    await kill_and_compare(new_server(PROMO_SQL__URL=database_url), database_url, rounds=20, seed=seed)
