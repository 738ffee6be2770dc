from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from support.rest import FORM, RestCaller
from support.shop import new_campaign

from promo.client import Campaign, PromoClient, amount_off, fixed_price, free_units, percent_off

EXAMPLES = Path(__file__).parents[2] / "clients" / "examples" / "rest"

pytestmark = pytest.mark.asyncio


async def test_every_way_to_ask_for_a_publication_gets_the_same_one(client: PromoClient, rest: RestCaller) -> None:
    campaign = await new_campaign(client)
    flat = {"campaign": campaign.name, "customer": "u-1", "channel": "Braze", "source_id": "s-1"}
    nested = {"campaign": {"name": campaign.name, "count": 1}, "customer": {"source_id": "u-1"}, "source_id": "s-1"}
    brackets = {"campaign[name]": campaign.name, "customer[source_id]": "u-1", "source_id": "s-1"}
    answers = [
        rest.post("/v1/publications?cache_id=7", flat),
        rest.post("/v1/publications", nested),
        rest.post("/v1/publications", {**flat, "campaign": campaign.id}),
        rest.post("/v1/publications", brackets),
        rest.post("/v1/publications", urlencode(flat), content_type=FORM),
        rest.post("/v1/publications", urlencode(brackets), content_type=FORM),
        # The author of the template forgot to say that it is JSON.
        rest.post("/v1/publications/", json.dumps(flat), content_type=FORM),
        rest.get(f"/v1/publications/create?{urlencode(flat)}"),
        rest.get(f"/v1/publications/create?{urlencode(brackets)}"),
        rest.get(f"/v1/publications/create?campaign[name]={quote(campaign.name)}&customer[id]=u-1&source_id=s-1"),
    ]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert len({answer.body["voucher"]["code"] for answer in answers}) == 1
    assert (await client.publications.count_codes(campaign.name)).published_count == 1


async def test_a_publication_has_the_documented_object(client: PromoClient, rest: RestCaller) -> None:
    campaign = await new_campaign(client, discount=percent_off(12.5, limit=10_00))
    body = json.loads((EXAMPLES / "publication.json").read_text())
    body["campaign"]["name"] = campaign.name
    answer = rest.post("/v1/publications", body).body
    assert answer["object"] == "publication"
    assert answer["result"] == "SUCCESS"
    assert answer["metadata"] == body["metadata"]
    assert (answer["channel"], answer["source_id"]) == ("shop", "mail-1-17850")
    assert (answer["customer_id"], answer["tracking_id"]) == ("17850", "17850")
    assert answer["customer"] == {
        "id": "17850",
        "name": "Ada Example",
        "email": "ada@example.com",
        "metadata": {"tier": 2},
        "source_id": "17850",
        "object": "customer",
    }
    voucher = answer["voucher"]
    assert answer["vouchers_id"] == [voucher["id"]]
    assert (voucher["campaign"], voucher["campaign_id"]) == (campaign.name, campaign.id)
    assert voucher["holder_id"] == "17850"
    assert voucher["active"] is True
    assert voucher["type"] == "DISCOUNT_VOUCHER"
    assert voucher["discount"] == {
        "type": "PERCENT",
        "percent_off": 12.5,
        "amount_limit": 1000,
        "effect": "APPLY_TO_ORDER",
        "is_dynamic": False,
    }
    assert voucher["redemption"]["redeemed_quantity"] == 0
    (held,) = await client.publications.held(campaign.name, "17850")
    assert (held.id, list(held.codes)) == (answer["id"], [voucher["code"]])


@pytest.mark.parametrize(
    ("discount", "expected"),
    [
        (amount_off(500), {"type": "AMOUNT", "amount_off": 500, "effect": "APPLY_TO_ORDER"}),
        (amount_off(500, effect="items"), {"type": "AMOUNT", "amount_off": 500, "effect": "APPLY_TO_ITEMS"}),
        (percent_off(20), {"type": "PERCENT", "percent_off": 20, "effect": "APPLY_TO_ORDER"}),
        (fixed_price(900), {"type": "FIXED", "fixed_amount": 900, "effect": "APPLY_TO_ORDER"}),
        (
            free_units(2, price=100, product_id="mug"),
            {
                "type": "UNIT",
                "unit_off": 2,
                "unit_type": "mug",
                "product": {"id": "mug"},
                "effect": "ADD_MISSING_ITEMS",
            },
        ),
    ],
    ids=["amount", "amount on items", "percent", "fixed", "unit"],
)
async def test_every_kind_of_discount_is_told_in_its_form(
    client: PromoClient, rest: RestCaller, discount: object, expected: dict[str, object]
) -> None:
    campaign = await new_campaign(client, discount=discount)
    answer = rest.post("/v1/publications", {"campaign": campaign.name, "customer": "u-1"})
    assert answer.body["voucher"]["discount"] == {**expected, "is_dynamic": False}


async def test_several_codes_come_as_a_list(client: PromoClient, rest: RestCaller) -> None:
    campaign = await new_campaign(client)
    asked = {"campaign": {"name": campaign.name, "count": 3}, "customer": {"source_id": "u-1"}}
    answer = rest.post("/v1/publications", asked).body
    assert "voucher" not in answer
    assert len(set(answer["vouchers"])) == 3
    assert len(set(answer["vouchers_id"])) == 3


async def test_a_customer_joins_once_when_asked_to_and_gets_further_codes_otherwise(
    client: PromoClient, rest: RestCaller
) -> None:
    campaign = await new_campaign(client)
    asked = {"campaign": campaign.name, "customer": "u-1"}
    first, second = (rest.post("/v1/publications", asked).body["voucher"]["code"] for _ in range(2))
    assert first != second
    once = [
        rest.post("/v1/publications?join_once=true", {**asked, "customer": "u-2"}),
        rest.post("/v1/publications", {**asked, "customer": "u-2", "join_once": "true"}),
        rest.get(f"/v1/publications/create?campaign={campaign.name}&customer=u-2&join_once=true"),
    ]
    assert len({answer.body["voucher"]["code"] for answer in once}) == 1


async def test_a_shared_source_id_gives_all_customers_one_publication(client: PromoClient, rest: RestCaller) -> None:
    campaign = await new_campaign(client)
    answers = [
        rest.post("/v1/publications", {"campaign": campaign.name, "customer": f"u-{n}", "source_id": "dispatch"})
        for n in range(3)
    ]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body["voucher"]["code"] for answer in answers}) == 1
    assert {answer.body["customer"]["source_id"] for answer in answers} == {"u-0"}


async def test_fifty_simultaneous_calls_for_twenty_five_recipients_hand_out_twenty_five_codes(
    client: PromoClient, rest: RestCaller
) -> None:
    campaign = await new_campaign(client)

    def ask(number: int) -> tuple[str, str]:
        customer = f"u-{number // 2}"
        asked = {"campaign": campaign.name, "customer": customer, "source_id": f"c1-{customer}"}
        return customer, rest.post("/v1/publications", asked).body["voucher"]["code"]

    with ThreadPoolExecutor(16) as threads:
        codes = set(threads.map(ask, range(50)))
    assert len(codes) == len({code for _, code in codes}) == 25
    assert (await client.publications.count_codes(campaign.name)).published_count == 25


async def test_an_idempotency_key_makes_any_publication_repeatable(client: PromoClient, rest: RestCaller) -> None:
    campaign = await new_campaign(client)
    asked = {"campaign": campaign.name, "customer": "u-1"}
    repeat = [rest.post("/v1/publications", asked, **{"Idempotency-Key": "k-1"}).body["id"] for _ in range(2)]
    assert len(set(repeat)) == 1
    reused = rest.post("/v1/publications", {**asked, "customer": "u-2"}, **{"Idempotency-Key": "k-1"})
    assert (reused.status, reused.key) == (409, "duplicate_resource_key")


async def test_a_customer_can_be_named_by_id_source_id_or_address(client: PromoClient, rest: RestCaller) -> None:
    campaign = await new_campaign(client)
    for customer, expected in (
        ("u-1", "u-1"),
        ({"source_id": "u-2", "id": "other"}, "u-2"),
        ({"id": "u-3"}, "u-3"),
        ({"email": "a@example.com"}, "a@example.com"),
    ):
        answer = rest.post("/v1/publications", {"campaign": campaign.name, "customer": customer})
        assert answer.body["customer"]["source_id"] == expected


async def test_codes_of_a_disabled_campaign_are_published_and_not_active(client: PromoClient, rest: RestCaller) -> None:
    campaign = await new_campaign(client)
    await client.campaigns.disable(campaign.name)
    answer = rest.post("/v1/publications", {"campaign": campaign.name, "customer": "u-1"})
    assert answer.status == 200
    assert answer.body["voucher"]["active"] is False


async def test_a_key_that_may_only_publish_gets_its_code(client: PromoClient, rest: RestCaller) -> None:
    campaign = await new_campaign(client)
    key = await client.access.create_key(["publisher"])
    publisher = RestCaller(f"{rest.host}:{rest.port}", f"{key.id}:{key.token}")
    answer = publisher.post("/v1/publications", {"campaign": campaign.name, "customer": "u-1"})
    assert answer.status == 200
    assert answer.body["voucher"]["code"]


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"customer": "u-1"}, "missing_vouchers"),
        ({"campaign": "c"}, "invalid_payload"),
        ({"campaign": "c", "customer": ""}, "invalid_payload"),
        ({"campaign": "c", "customer": {}}, "invalid_payload"),
        ({"campaign": 7, "customer": "u-1"}, "invalid_payload"),
        ({"campaign": "c", "customer": ["u-1"]}, "invalid_payload"),
        ({"campaign": {"name": "c", "count": 51}, "customer": "u-1"}, "invalid_payload"),
        ({"campaign": {"name": "c", "count": 2}, "customer": "u-1", "source_id": "s"}, "too_many_vouchers_requested"),
        ({"voucher": "CODE", "customer": "u-1"}, "voucher_cannot_be_published"),
        ({"campaign": "c", "customer": "u-1", "channel": "x" * 65}, "invalid_payload"),
        ({"campaign": "c", "customer": "u-1", "metadata": {f"k{n}": 1 for n in range(65)}}, "invalid_payload"),
        ({"campaign": "c", "customer": "u-1", "metadata": [1]}, "invalid_payload"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused_with_its_reason(
    rest: RestCaller, body: dict[str, object], key: str
) -> None:
    answer = rest.post("/v1/publications", body)
    assert (answer.status, answer.key) == (400, key)
    assert answer.body["details"]
    assert answer.body["request_id"].startswith("v-")


async def test_a_query_without_a_customer_says_what_it_lacks(rest: RestCaller) -> None:
    answer = rest.get("/v1/publications/create?campaign=c")
    assert (answer.status, answer.key) == (400, "invalid_query_params")
    assert answer.body["details"] == "Query should have required property 'customer'"


async def test_a_query_publishes_one_code_only(client: PromoClient, rest: RestCaller) -> None:
    campaign = await new_campaign(client)
    answer = rest.get(f"/v1/publications/create?campaign[name]={campaign.name}&campaign[count]=2&customer=u-1")
    assert (answer.status, answer.key) == (400, "too_many_vouchers_requested")


async def test_an_unknown_campaign_is_not_found(rest: RestCaller) -> None:
    answer = rest.post("/v1/publications", {"campaign": "nowhere", "customer": "u-1"})
    assert (answer.status, answer.key) == (404, "not_found")
    assert (answer.body["resource_id"], answer.body["resource_type"]) == ("nowhere", "campaign")


async def test_codes_that_have_run_out_are_refused(client: PromoClient, rest: RestCaller) -> None:
    campaign: Campaign = await new_campaign(client, code_count=1)
    answers = [rest.post("/v1/publications", {"campaign": campaign.name, "customer": f"u-{n}"}) for n in range(2)]
    assert [answer.status for answer in answers] == [200, 400]
    assert answers[1].key == "no_voucher_suitable_for_publication"
