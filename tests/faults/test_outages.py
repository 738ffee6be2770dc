"""A store or control plane that is slow, dead, replaced or emptied: clear answers in time, then recovery by itself."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from support.data_plane import data_plane
from support.outage import DEADLINE, impatient, refusals_of, stopped, until_served
from support.server_process import ServerProcess
from support.shop import CART, OK, codes_of, ending, new_campaign, race
from support.store_nodes import StoreNode
from support.truth import account_of, store_of

from promo.client import Campaign, Limits, PromoClient, exceptions

pytestmark = pytest.mark.asyncio


async def test_a_store_that_is_down_is_said_to_be_and_is_used_again_when_it_is_back(
    new_server: Callable[..., ServerProcess], store_node: StoreNode
) -> None:
    server = new_server(PROMO_STORE__URL=store_node.url)
    async with impatient(server.target) as client:
        campaign = await new_campaign(client, Limits(per_code=5))
        [code] = await codes_of(client, campaign)
        await client.redeem(codes=[code], order=CART)
        for _ in range(2):
            store_node.stop()
            assert await refusals_of(client, campaign, code) == {"STORE_UNAVAILABLE"}
            assert isinstance(await failure(client, code), exceptions.UnavailableError)
            store_node.start()
            await until_served(client, code)
        # What the store is not needed for went on; what was counted before still is.
        assert (await client.campaigns.get(campaign.id)).id == campaign.id
        assert (await client.vouchers.get(code)).redeemed_count == 1
        await client.redeem(codes=[code], order=CART)
        assert (await client.vouchers.get(code)).redeemed_count == 2


async def failure(client: PromoClient, code: str) -> Exception | None:
    try:
        await client.redeem(codes=[code], order=CART)
    except exceptions.PromoError as error:
        return error
    return None


async def test_a_store_that_hangs_is_unavailable_within_the_deadline(
    own_server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=100))
    [code] = await codes_of(client, campaign)
    request = {"codes": [code], "order": CART, "request_id": "hung-1"}
    async with impatient(own_server.target) as hasty:
        with stopped(own_server.store_pid):
            assert await refusals_of(hasty, campaign, code) == {"STORE_UNAVAILABLE"}
            assert await ending(hasty.redeem(**request)) == "STORE_UNAVAILABLE"
        await until_served(hasty, code)
        # The call may have been done after all, when the store went on: the repeat says, and it counts once.
        first = await hasty.redeem(**request)
        assert await hasty.redeem(**request) == first
    account = account_of(own_server, campaign)
    assert account.request_ids["hung-1"] == 1


async def test_a_store_that_is_full_is_unavailable_and_takes_the_repeat_when_it_has_room(
    own_server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=100))
    [code] = await codes_of(client, campaign)
    request = {"codes": [code], "order": CART, "request_id": "full-1"}
    async with impatient(own_server.target) as hasty:
        with store_of(own_server) as store:
            store.config_set("maxmemory", 1)
            writes = [hasty.redeem(**request), hasty.publish(campaign=campaign.name, customer="a")]
            assert set(await race(writes)) == {"STORE_UNAVAILABLE"}
            assert await ending(hasty.validate(codes=[code], order=CART)) == OK
            store.config_set("maxmemory", 0)
        await hasty.redeem(**request)
    account = account_of(own_server, campaign)
    assert account.request_ids["full-1"] == 1


async def test_c28_a_store_that_lost_the_functions_gets_them_again(
    own_server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=60))
    codes = await codes_of(client, campaign, 80)
    for start in (0, 20, 40):
        with store_of(own_server) as store:
            store.function_flush()
        calls = [client.redeem(codes=[code], order=CART) for code in codes[start : start + 20]]
        assert await race(calls) == {OK: 20}
    endings = await race(client.redeem(codes=[code], order=CART) for code in codes[60:])
    assert endings == {"CAMPAIGN_LIMIT_REACHED": 20}
    assert account_of(own_server, campaign).uses == 60


async def test_a_store_whose_connections_are_cut_under_load_counts_right(
    own_server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=100))
    codes = await codes_of(client, campaign, 150)

    async def cut() -> None:
        with store_of(own_server) as store:
            for _ in range(5):
                await asyncio.sleep(0.05)
                store.client_kill_filter(_type="normal", skipme=True)

    endings, _ = await asyncio.gather(race(client.redeem(codes=[code], order=CART) for code in codes), cut())
    assert endings == {OK: 100, "CAMPAIGN_LIMIT_REACHED": 50}
    assert account_of(own_server, campaign).uses == 100


async def shop_without_control_plane(client: PromoClient, campaign: Campaign, code: str) -> None:
    for number in range(20):
        await client.validate(codes=[code], order=CART)
        redemption = await client.redeem(codes=[code], order=CART)
        if number % 2:
            await client.rollback(redemption.id)
        await client.publish(campaign=campaign.name, customer=f"c{number}")
        assert (await client.vouchers.get(code)).campaign_id == campaign.id


async def test_hot_calls_go_on_when_the_control_plane_is_dead(
    own_server: ServerProcess, client: PromoClient, tmp_path: Path
) -> None:
    campaign = await new_campaign(client, Limits(per_code=100))
    [code] = await codes_of(client, campaign)
    async with data_plane(own_server, tmp_path / "nobody", timeout=DEADLINE) as alone:
        await until_served(alone, code)
        await shop_without_control_plane(alone, campaign, code)
        assert await ending(alone.campaigns.get(campaign.id, timeout=DEADLINE)) == "CONTROL_PLANE_UNAVAILABLE"
    assert account_of(own_server, campaign).uses == 10


async def test_hot_calls_go_on_when_the_control_plane_hangs(
    own_server: ServerProcess, client: PromoClient, tmp_path: Path
) -> None:
    campaign = await new_campaign(client, Limits(per_code=100))
    [code] = await codes_of(client, campaign)
    with socket.socket(socket.AF_UNIX) as mute:
        # It takes connections and says nothing, like a process that is stopped.
        mute.bind(str(tmp_path / "mute"))
        mute.listen()
        async with data_plane(own_server, tmp_path / "mute", timeout=DEADLINE) as alone:
            await until_served(alone, code)
            waiting = [asyncio.create_task(ending(alone.campaigns.get(campaign.id, timeout=2.0))) for _ in range(50)]
            await shop_without_control_plane(alone, campaign, code)
            endings = set(await asyncio.gather(*waiting))
            assert endings <= {"CONTROL_PLANE_UNAVAILABLE", "DEADLINE_TOO_SHORT", "DeadlineExceededError"}
    assert account_of(own_server, campaign).uses == 10


@pytest.mark.extended
async def test_two_engines_on_one_store_keep_one_limit(
    own_server: ServerProcess, client: PromoClient, tmp_path: Path
) -> None:
    """Limits are the store's; what one engine has in memory does not count."""
    campaign = await new_campaign(client, Limits(per_campaign=40))
    codes = await codes_of(client, campaign, 60)
    async with data_plane(own_server, tmp_path / "nobody", timeout=DEADLINE) as other:
        await until_served(other, codes[0])
        both = [one.redeem(codes=[code], order=CART) for code in codes for one in (client, other)]
        assert (await race(both))[OK] == 40
        await client.campaigns.disable(campaign.id)
        assert await race([other.redeem(codes=codes[:1], order=CART)]) == {"CAMPAIGN_DISABLED": 1}
        assert not (await other.validate(codes=codes[:1], order=CART)).valid
    assert account_of(own_server, campaign).uses == 40
