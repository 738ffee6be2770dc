from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.rest import Answer, RestCaller
from support.shop import codes_of, new_campaign

from promo.client import Limits, PromoClient, amount_off, percent_off, validity

EXAMPLES = Path(__file__).parents[2] / "clients" / "examples" / "rest"
ORDER = {"source_id": "o-1", "items": [{"product_id": "mug", "quantity": 2, "price": 1250}]}

pytestmark = pytest.mark.asyncio


def use(codes: Sequence[str], **fields: Any) -> dict[str, Any]:
    redeemables = [{"object": "voucher", "id": code} for code in codes]
    return {"redeemables": redeemables, "order": ORDER, "customer": {"source_id": "u-1"}, **fields}


async def new_codes(client: PromoClient, count: int = 1, **fields: Any) -> list[str]:
    return await codes_of(client, await new_campaign(client, **fields), count)


def redeem(rest: RestCaller, *codes: str, **fields: Any) -> Answer:
    return rest.post("/v1/redemptions", use(codes, **fields))


async def test_a_validation_prices_the_order_and_holds_what_applies(client: PromoClient, rest: RestCaller) -> None:
    (code,) = await new_codes(client, discount=percent_off(20), limits=Limits(per_code=1))
    body = json.loads((EXAMPLES / "validation.json").read_text())
    body["redeemables"][0]["id"] = code
    answer = rest.post("/v1/validations", body).body
    assert answer["valid"] is True
    assert answer["id"].startswith("valid_")
    assert answer["session"].items() >= {"type": "LOCK", "ttl": 20, "ttl_unit": "MINUTES"}.items()
    order = answer["order"]
    assert (order["amount"], order["total_discount_amount"], order["total_amount"]) == (3000, 600, 2400)
    assert order["total_applied_discount_amount"] == 600
    assert [item["subtotal_amount"] for item in order["items"]] == [2500, 500]
    assert order["items"][1]["metadata"] == {"gift": True}
    (redeemable,) = answer["redeemables"]
    assert redeemable["status"] == "APPLICABLE"
    assert redeemable["result"]["discount"]["percent_off"] == 20
    held = await client.sessions.get(answer["session"]["key"])
    assert list(held.codes) == [code]
    left = held.expire_time.ToDatetime(UTC) - datetime.now(UTC)
    assert timedelta(minutes=15) < left <= timedelta(minutes=20)


async def test_a_session_without_a_time_lasts_the_documented_seven_days(client: PromoClient, rest: RestCaller) -> None:
    (code,) = await new_codes(client)
    for session in ({"type": "LOCK"}, {"type": "LOCK", "ttl": 0, "ttl_unit": "SECONDS"}):
        answer = rest.post("/v1/validations", use([code], session=session)).body
        assert answer["session"].items() >= {"ttl": 7, "ttl_unit": "DAYS"}.items()
        held = await client.sessions.get(answer["session"]["key"])
        left = held.expire_time.ToDatetime(UTC) - datetime.now(UTC)
        assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


async def test_a_session_key_used_again_holds_anew_and_is_redeemed_by_its_owner_only(
    client: PromoClient, rest: RestCaller
) -> None:
    (code,) = await new_codes(client, limits=Limits(per_code=1))
    session = {"type": "LOCK", "key": f"cart-{code}"}
    for ttl in (5, 10):
        again = rest.post("/v1/validations", use([code], session={**session, "ttl": ttl, "ttl_unit": "MINUTES"}))
        assert again.body["valid"] is True
        assert again.body["session"].items() >= {"key": f"cart-{code}", "ttl": ttl}.items()
    other = rest.post("/v1/validations", use([code], customer="u-2")).body
    assert other["valid"] is False
    assert other["redeemables"][0]["result"]["error"]["key"] == "quantity_exceeded"
    assert redeem(rest, code, customer="u-2").key == "quantity_exceeded"
    assert redeem(rest, code, session=session).status == 200


async def test_a_code_that_does_not_apply_is_an_answer_with_the_error_in_it(
    client: PromoClient, rest: RestCaller
) -> None:
    (used,) = await new_codes(client, limits=Limits(per_code=1))
    assert redeem(rest, used).status == 200
    answer = rest.post("/v1/validations", use([used]))
    assert answer.status == 200
    assert answer.body["valid"] is False
    assert "order" not in answer.body
    error = answer.body["redeemables"][0]["result"]["error"]
    assert (error["code"], error["key"], error["message"]) == (400, "quantity_exceeded", "quantity exceeded")
    assert (error["resource_id"], error["resource_type"]) == (used, "voucher")


async def test_an_unknown_first_code_skips_the_others(client: PromoClient, rest: RestCaller) -> None:
    (code,) = await new_codes(client)
    answer = rest.post("/v1/validations", use(["UNKNOWN-1", code])).body
    assert [one["status"] for one in answer["redeemables"]] == ["INAPPLICABLE", "SKIPPED"]
    error = answer["redeemables"][0]["result"]["error"]
    assert (error["code"], error["key"], error["message"]) == (404, "not_found", "Resource not found")
    assert answer["redeemables"][1]["result"]["details"]["key"] == "preceding_validation_failed"


async def test_a_redemption_of_one_code_has_no_parent(client: PromoClient, rest: RestCaller) -> None:
    (code,) = await new_codes(client, discount=amount_off(700))
    answer = redeem(rest, code, metadata={"till": 7, "open": True, "text": "7"}).body
    assert "parent_redemption" not in answer
    (redemption,) = answer["redemptions"]
    assert "redemption" not in redemption
    assert (redemption["object"], redemption["result"], redemption["status"]) == ("redemption", "SUCCESS", "SUCCEEDED")
    assert redemption["metadata"] == {"till": 7, "open": True, "text": "7"}
    assert redemption["voucher"]["code"] == code
    assert redemption["voucher"]["discount"]["amount_off"] == 700
    assert redemption["channel"] == {"channel_id": "test", "channel_type": "API"}
    assert answer["order"]["status"] == "PAID"
    assert answer["order"]["total_amount"] == 1800
    assert answer["order"]["redemptions"][redemption["id"]]["related_object_type"] == "voucher"
    assert (await client.redemptions.get(redemption["id"])).order.total_amount == 1800


async def test_a_stack_has_a_parent_and_children_whose_orders_follow_one_another(
    client: PromoClient, rest: RestCaller
) -> None:
    first, second = [
        *await new_codes(client, discount=amount_off(500)),
        *await new_codes(client, discount=percent_off(10)),
    ]
    answer = redeem(rest, first, second).body
    parent, children = answer["parent_redemption"], answer["redemptions"]
    assert [child["redemption"] for child in children] == [parent["id"]] * 2
    assert [child["order"]["total_applied_discount_amount"] for child in children] == [500, 200]
    assert [child["order"]["total_amount"] for child in children] == [2000, 1800]
    assert parent["order"]["total_amount"] == answer["order"]["total_amount"] == 1800
    assert answer["order"]["redemptions"][parent["id"]]["stacked"] == [child["id"] for child in children]


async def test_a_single_redemption_is_rolled_back_once(client: PromoClient, rest: RestCaller) -> None:
    (code,) = await new_codes(client, limits=Limits(per_code=1))
    redemption_id = redeem(rest, code).body["redemptions"][0]["id"]
    answer = rest.post(f"/v1/redemptions/{redemption_id}/rollback?reason=order%20cancelled").body
    assert (answer["object"], answer["redemption"]) == ("redemption_rollback", redemption_id)
    assert (answer["reason"], answer["status"]) == ("order cancelled", "SUCCEEDED")
    assert answer["order"]["status"] == "CANCELED"
    assert answer["voucher"]["code"] == code
    again = rest.post(f"/v1/redemptions/{redemption_id}/rollback", {"reason": "again"})
    assert (again.status, again.key) == (400, "already_rolled_back")
    assert redeem(rest, code).status == 200


async def test_a_stack_is_rolled_back_as_a_whole_by_its_own_address(client: PromoClient, rest: RestCaller) -> None:
    codes = await new_codes(client, 2, limits=Limits(per_code=1))
    stack = redeem(rest, *codes).body
    parent, child = stack["parent_redemption"]["id"], stack["redemptions"][0]["id"]
    assert rest.post(f"/v1/redemptions/{parent}/rollback").key == "invalid_redemption"
    assert rest.post(f"/v1/redemptions/{child}/rollback").key == "invalid_redemption_parent"
    assert rest.post(f"/v1/redemptions/{child}/rollbacks").key == "invalid_redemption_parent"
    answer = rest.post(f"/v1/redemptions/{parent}/rollbacks", {"reason": "cancelled"}).body
    assert [one["redemption"] for one in answer["rollbacks"]] == [one["id"] for one in stack["redemptions"]]
    assert answer["parent_rollback"]["redemption"] == parent
    assert answer["order"]["status"] == "CANCELED"
    assert rest.post(f"/v1/redemptions/{parent}/rollbacks").key == "already_rolled_back"
    assert redeem(rest, *codes).status == 200


async def test_the_address_for_stacks_takes_single_redemptions_too(client: PromoClient, rest: RestCaller) -> None:
    (code,) = await new_codes(client)
    redemption_id = redeem(rest, code).body["redemptions"][0]["id"]
    answer = rest.post(f"/v1/redemptions/{redemption_id}/rollbacks").body
    assert "parent_rollback" not in answer
    assert [one["redemption"] for one in answer["rollbacks"]] == [redemption_id]


async def test_a_rollback_for_somebody_else_or_another_order_is_refused(client: PromoClient, rest: RestCaller) -> None:
    (code,) = await new_codes(client)
    redemption_id = redeem(rest, code).body["redemptions"][0]["id"]
    path = f"/v1/redemptions/{redemption_id}/rollback"
    assert rest.post(path, {"customer": {"source_id": "u-2"}}).key == "invalid_customer"
    assert rest.post(path, {"order": {"source_id": "o-2"}}).key == "invalid_order"
    assert rest.post(path, {"customer": {"id": "u-1"}, "order": {"source_id": "o-1"}}).status == 200


async def test_an_unknown_redemption_is_not_found(rest: RestCaller) -> None:
    answer = rest.post("/v1/redemptions/r_nothing/rollback")
    assert (answer.status, answer.body["resource_id"], answer.body["resource_type"]) == (404, "r_nothing", "redemption")


@pytest.mark.parametrize(
    ("fields", "status", "key"),
    [
        ({"order": None}, 400, "missing_order"),
        ({"order": {}}, 400, "missing_amount"),
        ({"order": {"items": [{"product_id": "mug", "quantity": 1}]}}, 400, "invalid_payload"),
        ({"order": {"amount": "ten"}}, 400, "invalid_payload"),
        ({"order": {"amount": 2**70}}, 400, "invalid_payload"),
        ({"order": {"amount": -5}}, 400, "invalid_payload"),
        ({"order": {"items": [{"quantity": 0, "price": 1}]}}, 400, "invalid_payload"),
        ({"redeemables": []}, 400, "invalid_payload"),
        ({"redeemables": [{"object": "voucher"}]}, 400, "invalid_payload"),
        ({"redeemables": [{"object": "promotion_tier", "id": "promo_1"}]}, 400, "invalid_redeemables"),
        ({"redeemables": [{"object": "voucher", "id": "A", "gift": {"credits": 5}}]}, 400, "invalid_redeemables"),
        ({"redeemables": [{"object": "voucher", "id": "A"}] * 2}, 400, "duplicated_redeemables"),
        ({"session": {"type": "SHARED"}}, 400, "invalid_payload"),
        ({"order": {"amount": 100, "currency_code": "JPY"}}, 400, "order_rules_violated"),
    ],
)
async def test_a_redemption_that_makes_no_sense_is_refused_with_its_reason(
    client: PromoClient, rest: RestCaller, fields: dict[str, Any], status: int, key: str
) -> None:
    (code,) = await new_codes(client)
    answer = redeem(rest, code, **fields)
    assert (answer.status, answer.key) == (status, key), answer.body


@pytest.mark.parametrize("ttl", [-1, 31, 1e300])
async def test_a_session_of_no_or_too_long_a_time_is_refused(rest: RestCaller, ttl: float) -> None:
    answer = rest.post("/v1/validations", use(["CODE"], session={"type": "LOCK", "ttl": ttl, "ttl_unit": "DAYS"}))
    assert (answer.status, answer.key) == (400, "invalid_payload")


async def test_lines_say_what_an_order_amounts_to(client: PromoClient, rest: RestCaller) -> None:
    (code,) = await new_codes(client, discount=percent_off(50))
    lines = [
        {"product_id": "a", "quantity": "2", "price": "100"},
        {"sku_id": "b", "quantity": 3, "amount": 300},
        {"source_id": "c", "related_object": "sku", "sku": {"price": 100}},
        {"product_id": "d", "product": {"price": 100}},
    ]
    answer = rest.post("/v1/validations", use([code], order={"amount": 1, "items": lines})).body
    assert answer["order"]["amount"] == 700
    assert [item["quantity"] for item in answer["order"]["items"]] == [2, 3, 1, 1]
    assert answer["order"]["items"][2]["sku_id"] == "c"


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"limits": Limits(per_customer=1)}, "redemption_rules_violated"),
        ({"limits": Limits(per_code=1)}, "quantity_exceeded"),
        ({"limits": Limits(discount_budget=500)}, "redemption_rules_violated"),
    ],
)
async def test_limits_are_refused_with_the_documented_keys(
    client: PromoClient, rest: RestCaller, fields: dict[str, Any], key: str
) -> None:
    (code,) = await new_codes(client, **fields)
    assert redeem(rest, code).status == 200
    answer = redeem(rest, code)
    assert (answer.status, answer.key) == (400, key)


async def test_a_code_before_its_time_is_refused_with_the_documented_key(client: PromoClient, rest: RestCaller) -> None:
    (code,) = await new_codes(client, validity=validity(start=datetime.now(UTC) + timedelta(days=1)))
    assert redeem(rest, code).key == "voucher_not_active"


async def test_a_redemption_with_an_idempotency_key_happens_once(client: PromoClient, rest: RestCaller) -> None:
    (code,) = await new_codes(client, limits=Limits(per_code=5))
    answers = [rest.post("/v1/redemptions", use([code]), **{"Idempotency-Key": f"order-{code}"}).body for _ in range(2)]
    assert len({answer["redemptions"][0]["id"] for answer in answers}) == 1
    assert (await client.vouchers.get(code)).redeemed_count == 1


async def test_of_twenty_simultaneous_redemptions_as_many_succeed_as_the_limit_allows(
    client: PromoClient, rest: RestCaller
) -> None:
    (code,) = await new_codes(client, limits=Limits(per_code=5))
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: redeem(rest, code), range(20)))
    assert sorted(answer.status for answer in answers) == [200] * 5 + [400] * 15
    assert {answer.key for answer in answers if answer.status != 200} == {"quantity_exceeded"}


async def test_a_voucher_is_told_with_its_campaign_and_counters(client: PromoClient, rest: RestCaller) -> None:
    end = datetime(2100, 1, 1, tzinfo=UTC)
    campaign = await new_campaign(
        client,
        limits=Limits(per_code=3),
        validity=validity(start=datetime(2020, 1, 1, tzinfo=UTC), end=end, weekdays=range(1, 8)),
    )
    code = rest.post("/v1/publications", {"campaign": campaign.name, "customer": "u-1"}).body["voucher"]["code"]
    assert redeem(rest, code).status == 200
    answer = rest.get(f"/v1/vouchers/{code}?c=1")
    assert answer.status == 200
    voucher = answer.body
    assert (voucher["code"], voucher["holder_id"], voucher["campaign"]) == (code, "u-1", campaign.name)
    assert voucher["start_date"] == "2020-01-01T00:00:00.000Z"
    assert voucher["expiration_date"] == "2100-01-01T00:00:00.000Z"
    assert sorted(voucher["validity_day_of_week"]) == list(range(7))
    assert voucher["redemption"] == {"quantity": 3, "redeemed_quantity": 1, "object": "list"}
    assert voucher["publish"] == {"object": "list", "count": 1}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
