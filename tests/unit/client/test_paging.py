"""Lists, page by page and item by item, asyncio and threads."""

from __future__ import annotations

import asyncio

import pytest
from support.scripted_server import ScriptedServer, refusal

from promo.client import Page, PromoClient, Reason, SyncPromoClient, exceptions, methods
from promo.v1.campaign_pb2 import Campaign
from promo.v1.campaign_service_pb2 import ListCampaignsResponse

pytestmark = pytest.mark.asyncio

FIRST = ListCampaignsResponse(campaigns=[Campaign(id="c_1"), Campaign(id="c_2")], next_page_token="two")
LAST = ListCampaignsResponse(campaigns=[Campaign(id="c_3")])


async def test_a_list_gives_the_items_of_all_pages(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.LIST_CAMPAIGNS, FIRST, LAST)
    assert [campaign.id async for campaign in client.campaigns.list(page_size=2)] == ["c_1", "c_2", "c_3"]
    assert [request.page_token for request in server.requests(methods.LIST_CAMPAIGNS)] == ["", "two"]


async def test_a_list_gives_its_pages_with_the_token_of_the_next(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.LIST_CAMPAIGNS, FIRST, LAST)
    pages = [page async for page in client.campaigns.list().pages()]
    assert pages == [Page(FIRST.campaigns, "two"), Page(LAST.campaigns, "")]


async def test_a_list_begins_at_a_token(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.LIST_CAMPAIGNS, LAST)
    assert [campaign.id async for campaign in client.campaigns.list(page_token="two")] == ["c_3"]
    assert server.requests(methods.LIST_CAMPAIGNS)[0].page_token == "two"


async def test_a_list_asks_for_nothing_before_it_is_iterated_and_again_each_time(
    server: ScriptedServer,
    client: PromoClient,
) -> None:
    server.script(methods.LIST_CAMPAIGNS, LAST)
    campaigns = client.campaigns.list()
    assert server.calls == {}
    for _ in range(2):
        assert [campaign.id async for campaign in campaigns] == ["c_3"]


async def test_a_page_that_fails_for_now_is_asked_for_again(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.LIST_CAMPAIGNS, FIRST, refusal(Reason.DATABASE_UNAVAILABLE), LAST)
    assert len([campaign async for campaign in client.campaigns.list()]) == 3
    assert [request.page_token for request in server.requests(methods.LIST_CAMPAIGNS)] == ["", "two", "two"]


async def test_a_wrong_token_raises_its_reason(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.LIST_CAMPAIGNS, refusal(Reason.PAGE_TOKEN_INVALID))
    with pytest.raises(exceptions.PageTokenInvalid):
        [campaign async for campaign in client.campaigns.list(page_token="wrong")]


async def test_threads_list_the_same_way(server: ScriptedServer) -> None:
    server.script(methods.LIST_CAMPAIGNS, FIRST, LAST, FIRST, LAST)

    def look() -> tuple[list[str], list[int]]:
        with SyncPromoClient.connect(server.address) as client:
            campaigns = client.campaigns.list()
            return [campaign.id for campaign in campaigns], [len(page.items) for page in campaigns.pages()]

    assert await asyncio.to_thread(look) == (["c_1", "c_2", "c_3"], [2, 1])
