"""Templates of marketing platforms, rendered for real recipients against a real server."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.liquid_platforms import Braze, CleverTap
from support.rest import RestCaller
from support.server_process import KEY
from support.shop import new_campaign

from promo.client import PromoClient

EXAMPLES = Path(__file__).parents[2] / "clients" / "examples"
BRAZE = (EXAMPLES / "braze" / "connected_content.liquid").read_text()
CLEVERTAP = (EXAMPLES / "clevertap" / "linked_content.liquid").read_text()
CONTENT = json.loads((EXAMPLES / "clevertap" / "linked_content.json").read_text())
KEY_ID, _, TOKEN = KEY.partition(":")

pytestmark = pytest.mark.asyncio


def braze_message(braze: Braze, rest: RestCaller, campaign: str, user: str, token: str = TOKEN) -> str:
    return braze.render(
        BRAZE,
        host=rest.url,
        app_id=KEY_ID,
        app_token=token,
        promo_campaign=campaign,
        campaign={"api_id": "c1"},
        user={"user_id": user, "first_name": "Ada"},
    ).strip()


async def test_braze_shows_one_recipient_the_same_code_in_every_part(client: PromoClient, rest: RestCaller) -> None:
    campaign = await new_campaign(client)
    braze = Braze()
    # Braze renders the HTML and the plain part of a message on their own, and asks for each.
    messages = [braze_message(braze, rest, campaign.id, "u-1") for _ in ("html", "plain")]
    assert len(set(messages)) == 1
    method, url, body = braze.wire.sent[0]
    assert (method, url) == ("POST", f"{rest.url}/v1/publications?cache_id=c1-u-1")
    assert json.loads(body or "") == {
        "campaign": campaign.id,
        "customer": "u-1",
        "channel": "Braze",
        "source_id": "c1-u-1",
    }
    (held,) = await client.publications.held(campaign.name, "u-1")
    assert messages[0] == f"We miss you, Ada! Take 20 % off with {held.codes[0]}."
    assert (held.channel, held.source_id) == ("Braze", "c1-u-1")
    assert (await client.publications.count_codes(campaign.name)).published_count == 1


async def test_braze_recipients_get_codes_of_their_own(client: PromoClient, rest: RestCaller) -> None:
    campaign = await new_campaign(client)

    def both_parts(number: int) -> tuple[str, str]:
        braze = Braze()
        user = f"ü&={number}"
        return (
            braze_message(braze, rest, campaign.name, user),
            braze_message(braze, rest, campaign.name, user),
        )

    with ThreadPoolExecutor(8) as threads:
        parts = list(threads.map(both_parts, range(20)))
    assert all(html == plain for html, plain in parts)
    assert len({html for html, _ in parts}) == 20
    assert (await client.publications.count_codes(campaign.name)).published_count == 20


async def test_braze_shows_nothing_of_an_error(client: PromoClient, rest: RestCaller) -> None:
    campaign = await new_campaign(client, code_count=1)
    braze = Braze()
    assert "Take 20 % off" in braze_message(braze, rest, campaign.id, "u-1")
    assert braze_message(braze, rest, campaign.id, "u-2") == "We miss you, Ada!"
    assert braze_message(braze, rest, "nowhere", "u-3") == "We miss you, Ada!"
    assert braze_message(braze, rest, campaign.id, "u-4", token="wrong") == "We miss you, Ada!"
    assert braze.wire.statuses == [200, 400, 404, 401]


async def test_clevertap_shows_the_code_of_a_recipient_and_the_default_otherwise(
    client: PromoClient, rest: RestCaller
) -> None:
    campaign = await new_campaign(client)
    clevertap = CleverTap()

    def message(user: str, campaign_name: str = campaign.name) -> str:
        parameters = {
            "host": rest.url,
            "campaign": campaign_name,
            "identity": user,
            "send": f"send-{user}",
            "app_id": KEY_ID,
            "app_token": TOKEN,
        }
        return clevertap.render(CLEVERTAP, CONTENT, parameters, Profile={"Name": "Ada"}).strip()

    shown = [message("ct/1 ü"), message("ct/1 ü"), message("ct-2")]
    (held,) = await client.publications.held(campaign.name, "ct/1 ü")
    assert shown[0] == shown[1] == f"Hi Ada, your code is {held.codes[0]}."
    assert shown[2] != shown[0]
    assert message("ct-3", "nowhere") == "Hi Ada, your code is on its way."
    # A platform that has forgotten the answer asks again and gets the same one.
    clevertap = CleverTap()
    assert message("ct/1 ü") == shown[0]
    assert (await client.publications.count_codes(campaign.name)).published_count == 2
