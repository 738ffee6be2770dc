"""Two engines on one store: what one of them learned before the other wrote is no reason to fail."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from support.data_plane import data_plane
from support.server_process import ServerProcess
from support.shop import CART, OK, codes_of, new_campaign, race
from support.truth import store_of

from promo.client import Campaign, CodeLayout, Limits, PromoClient
from promo_server.state import StateDir
from promo_server.store import keys

pytestmark = pytest.mark.asyncio(loop_scope="function")

NEVER_MS = 3_600_000


@pytest_asyncio.fixture
async def late(server: ServerProcess, client: PromoClient) -> AsyncIterator[PromoClient]:
    """A client of an engine that read the project before the test and does not look for changes by itself."""
    before = await new_campaign(client)
    async with data_plane(server, StateDir(server.state_dir).control_socket, poll_interval_ms=NEVER_MS) as other:
        assert (await other.publications.count_codes(before.id)).published_count == 0
        yield other


async def test_a_publication_of_a_campaign_that_an_engine_does_not_know_yet_is_found(
    client: PromoClient, late: PromoClient
) -> None:
    # With a layout of its own: the engine has no codec for its codes.
    campaign = await new_campaign(client, code_layout=CodeLayout(prefix="LATE-", length=9))
    published = await client.publish(campaign=campaign.name, customer="ada")
    assert await late.publications.get(published.id) == published
    assert list(await late.publications.held(campaign.name, "ada")) == [published]
    again = await late.publish(campaign=campaign.name, customer="ada")
    assert await client.publications.get(again.id) == again
    assert (await late.vouchers.get(again.codes[0])).holder == "ada"
    await late.redeem(codes=[again.codes[0]], order=CART)


async def test_publications_of_codes_that_were_added_since_an_engine_looked_are_found(
    client: PromoClient, late: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_code=1), code_count=1, auto_grow=True)
    first = await late.publish(campaign=campaign.name, customer="ada", source_id="first")
    assert await late.publications.get(first.id) == first
    second = await client.publish(campaign=campaign.name, customer="ada", source_id="second", request_id="second")
    assert await late.publications.get(second.id) == second
    third = await client.publish(campaign=campaign.name, customer="ada", source_id="third", request_id="third")
    repeated = await late.publish(campaign=campaign.name, customer="ada", source_id="third", request_id="third")
    assert repeated == third
    assert list(await late.publications.held(campaign.name, "ada")) == [first, second, third]


async def test_a_voucher_that_another_engine_changed_is_seen_at_once(client: PromoClient, late: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_code=1))
    used, disabled, deleted = await codes_of(client, campaign, 3)
    await late.vouchers.disable(disabled)
    await late.vouchers.delete(deleted)
    await client.redeem(codes=[used], order=CART)
    for one in (client, late):
        assert not (await one.vouchers.get(disabled)).enabled
        results = (await one.validate(codes=[disabled], order=CART)).results
        assert [result.code for result in results] == [disabled]
        assert not (await one.validate(codes=[used], order=CART)).valid
        assert not (await one.validate(codes=[deleted], order=CART)).valid


async def test_of_many_calls_that_find_a_definition_stale_one_reads_it_again(
    server: ServerProcess, client: PromoClient, late: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_code=1))
    codes = await codes_of(client, campaign, 60)
    await late.redeem(codes=codes[:1], order=CART)
    await client.campaigns.update(Campaign(id=campaign.id, metadata={"season": "autumn"}), ["metadata"])
    reading = f"GET {keys.project_bundle(str(server.ready['project_id']))}"
    with store_of(server) as store, store.monitor() as monitor:
        endings = await race(late.redeem(codes=[code], order=CART) for code in codes[1:])
        store.echo("end")
        commands = iter(lambda: str(monitor.next_command()["command"]), "ECHO end")
        reads = sum(command == reading for command in commands)
    assert endings == {OK: 59}
    # The server's own engine may have looked at the same moment.
    assert 1 <= reads <= 5
