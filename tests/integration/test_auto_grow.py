"""Campaigns that grow by themselves: a publication that finds no code left gets one, and growth stops there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.data_plane import data_plane
from support.server_process import ServerProcess
from support.shop import CART, OK, ending, new_campaign, race
from support.truth import account_of

from promo.client import Campaign, CodeLayout, Limits, PromoClient, publish_request
from promo.v1.publication_pb2 import Publication
from promo_server.state import StateDir

pytestmark = pytest.mark.asyncio

PUBLISHERS = 8
EACH = 25
DIGITS = CodeLayout(charset="0123456789", length=6, prefix="GROW-")
"""Has room for ten computed codes, and no other campaign takes them."""


async def publish(client: PromoClient, campaign: Campaign, publisher: int) -> list[str]:
    """Publish one code after the other; none is refused."""
    codes: list[str] = []
    for number in range(EACH):
        publication = await client.publish(campaign=campaign.name, customer=f"c{publisher}-{number}")
        codes.extend(publication.codes)
    return codes


async def batches_of(client: PromoClient, campaign: Campaign) -> list[int]:
    return [batch.code_count async for batch in client.codes.list_batches(campaign.name)]


async def test_publishers_at_once_grow_a_tiny_campaign_no_more_than_it_needs(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_code=1), code_count=1, auto_grow=True)
    published = await asyncio.gather(*(publish(client, campaign, number) for number in range(PUBLISHERS)))
    codes = [code for one in published for code in one]
    assert len(codes) == len(set(codes)) == PUBLISHERS * EACH
    # It doubles only when every code is published.
    assert await batches_of(client, campaign) == [1, 1, 2, 4, 8, 16, 32, 64, 128]
    counts = await client.publications.count_codes(campaign.name)
    assert (counts.issued_count, counts.published_count, counts.unpublished_count) == (256, 200, 56)
    assert await race(client.redeem(codes=[code], order=CART) for code in codes[:50]) == {OK: 50}
    assert account_of(server, campaign).uses == 50


async def test_publishers_of_two_engines_grow_a_campaign_once(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, code_count=1, auto_grow=True)
    async with data_plane(server, StateDir(server.state_dir).control_socket) as other:
        clients = [client, other] * (PUBLISHERS // 2)
        published = await asyncio.gather(*(publish(one, campaign, number) for number, one in enumerate(clients)))
    assert len({code for one in published for code in one}) == PUBLISHERS * EACH
    assert sum(await batches_of(client, campaign)) == 256


async def test_a_large_publication_gets_as_many_codes_as_it_needs(client: PromoClient) -> None:
    campaign = await new_campaign(client, code_count=2, auto_grow=True)
    publications = await asyncio.gather(
        *(client.publish(campaign=campaign.name, customer=f"c{number}", count=50) for number in range(PUBLISHERS))
    )
    codes = [code for publication in publications for code in publication.codes]
    assert len(set(codes)) == PUBLISHERS * 50


async def test_a_batch_that_needs_many_growths_is_published_whole(client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_code=1), code_count=1, auto_grow=True)
    requests = [publish_request(campaign=campaign.name, customer=f"c{number}") for number in range(300)]
    results = await client.batch_publish(requests, timeout=60)
    assert len({code for result in results if isinstance(result, Publication) for code in result.codes}) == 300
    assert sum(await batches_of(client, campaign)) == 512


async def test_stored_codes_grow_too(client: PromoClient) -> None:
    campaign = await new_campaign(client, code_count=5, auto_grow=True, code_layout=CodeLayout(length=4))
    published = await asyncio.gather(*(publish(client, campaign, number) for number in range(3)))
    assert len({code for one in published for code in one}) == 3 * EACH
    assert sum(await batches_of(client, campaign)) == 80


async def test_a_repeat_returns_its_codes_and_grows_nothing(client: PromoClient) -> None:
    campaign = await new_campaign(client, code_count=1, auto_grow=True)
    first = await client.publish(campaign=campaign.name, customer="a", source_id="s-1", request_id="p-1")
    again = [client.publish(campaign=campaign.name, customer="a", source_id="s-1", request_id="p-1") for _ in range(8)]
    again += [client.publish(campaign=campaign.name, customer="a", join_once=True) for _ in range(8)]
    assert all(answer == first for answer in await asyncio.gather(*again))
    assert await batches_of(client, campaign) == [1]


async def test_a_preview_of_an_exhausted_campaign_that_grows_passes_and_grows_nothing(client: PromoClient) -> None:
    for auto_grow, expected in ((True, OK), (False, "CODES_EXHAUSTED")):
        campaign = await new_campaign(client, code_count=1, auto_grow=auto_grow)
        await client.publish(campaign=campaign.name, customer="a")
        preview = client.publish(campaign=campaign.name, customer="b", validate_only=True)
        assert await ending(preview) == expected
        assert await batches_of(client, campaign) == [1]


@pytest.mark.parametrize(
    ("fields", "published", "batches"),
    [
        ({"auto_grow": False}, 9, [9]),
        # There is room for ten: not for twice as many, but for one more.
        ({"auto_grow": True, "code_layout": DIGITS}, 10, [9, 1]),
    ],
)
async def test_a_campaign_without_room_or_leave_to_grow_says_that_its_codes_ran_out(
    client: PromoClient, fields: dict[str, object], published: int, batches: list[int]
) -> None:
    campaign = await new_campaign(client, code_count=9, **fields)
    endings = await race(client.publish(campaign=campaign.name, customer=f"c{number}") for number in range(20))
    assert endings == {OK: published, "CODES_EXHAUSTED": 20 - published}
    assert await batches_of(client, campaign) == batches


async def test_without_the_control_plane_only_growing_is_unavailable(
    server: ServerProcess, client: PromoClient, tmp_path: Path
) -> None:
    campaign = await new_campaign(client, code_count=4, auto_grow=True)
    async with data_plane(server, tmp_path / "nobody", timeout=4.0) as alone:
        for number in range(4):
            await alone.publish(campaign=campaign.name, customer=f"c{number}")
        late = alone.publish(campaign=campaign.name, customer="late")
        assert await ending(late) == "CONTROL_PLANE_UNAVAILABLE"
    await client.publish(campaign=campaign.name, customer="late")
    assert await batches_of(client, campaign) == [4, 4]
