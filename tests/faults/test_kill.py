"""kill -9 at random moments under load: nothing acknowledged is lost, nothing is counted twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
from collections.abc import Callable

import pytest
from support.server_process import KEY, ServerProcess
from support.shop import CART, OFF, OK, codes_of, ending, new_campaign
from support.store_nodes import StoreNode
from support.truth import account_of
from support.witness import Witness

from promo.client import Limits, PromoClient
from promo_server.state import StateDir

pytestmark = pytest.mark.asyncio

SHOPPERS = 12
LIMIT = 400


async def kill_server(server: ServerProcess) -> None:
    """Kill the server, whose store dies with it, and start it again."""
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)


async def kill_store(server: ServerProcess) -> None:
    """Kill the store alone, also while it is starting; the server starts it again."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(server.store_pid, signal.SIGKILL)


async def run_rounds(server: ServerProcess, client: PromoClient, kill: Callable[..., object], rounds: int) -> Witness:
    """Shop while the victim is killed again and again, and check everything in the end."""
    limits = Limits(per_campaign=LIMIT, per_customer=LIMIT // 2, per_day=10 * LIMIT, discount_budget=LIMIT * OFF)
    campaign = await new_campaign(client, limits, code_count=100_000)
    witness = Witness(server, campaign, await codes_of(client, campaign, 200))
    shopping = asyncio.create_task(witness.shop(SHOPPERS))
    try:
        for _ in range(rounds):
            await asyncio.sleep(random.uniform(0.05, 1.0))
            assert not shopping.done(), await shopping
            await kill(server)  # type: ignore[misc]
    finally:
        witness.stop()
        await shopping
    await witness.check()
    # The shoppers were disturbed, or this tested nothing.
    assert witness.unsure
    await use_up(witness, client)
    return witness


async def use_up(witness: Witness, client: PromoClient) -> None:
    """Nothing leaked either: the campaign can be used exactly as often as its limit says."""
    account = account_of(witness.server, witness.campaign)
    calls = [
        client.redeem(codes=[witness.codes[0]], order=CART, customer=f"late-{n}")
        for n in range(LIMIT - account.uses + 5)
    ]
    endings = [await ending(call) for call in calls]
    assert endings.count(OK) == LIMIT - account.uses
    assert account_of(witness.server, witness.campaign).uses == LIMIT


async def archive_is_whole(server: ServerProcess) -> None:
    """Wait until the archive has everything, and see that no limit was passed by what it has."""
    with contextlib.closing(sqlite3.connect(StateDir(server.state_dir).database, timeout=30)) as database:
        while True:
            [[active]] = database.execute(
                "SELECT count(*) FROM movements WHERE active AND limit_name LIKE 'n:%' AND limit_kind = 4"
            )
            if active == LIMIT:
                break
            await asyncio.sleep(0.1)
        assert database.execute("SELECT count(*) FROM slot_conflicts").fetchall() == [(0,)]


@pytest.mark.timeout(180)
async def test_c27_server_killed_under_load_loses_and_doubles_nothing(
    own_server: ServerProcess, client: PromoClient
) -> None:
    await run_rounds(own_server, client, kill_server, 3)
    await archive_is_whole(own_server)


@pytest.mark.timeout(180)
async def test_c27_store_killed_under_load_loses_and_doubles_nothing(
    own_server: ServerProcess, client: PromoClient
) -> None:
    await run_rounds(own_server, client, kill_store, 3)
    await archive_is_whole(own_server)


@pytest.mark.timeout(180)
@pytest.mark.extended
async def test_c27_a_store_of_its_own_killed_under_load_loses_and_doubles_nothing(
    new_server: Callable[..., ServerProcess], store_node: StoreNode
) -> None:
    server = new_server(PROMO_STORE__URL=store_node.url)

    async def kill_node(_server: ServerProcess) -> None:
        """Kill the store, and start it again with what it wrote to its disk."""
        await asyncio.to_thread(store_node.kill)
        await asyncio.to_thread(store_node.start)

    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        await run_rounds(server, client, kill_node, 3)
    await archive_is_whole(server)


@pytest.mark.slow
@pytest.mark.parametrize("kill", [kill_server, kill_store])
async def test_killed_twenty_times_under_load(
    own_server: ServerProcess, client: PromoClient, kill: Callable[..., object]
) -> None:
    await run_rounds(own_server, client, kill, 20)
    await archive_is_whole(own_server)
