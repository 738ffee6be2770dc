"""Sample events of Punchh and what becomes of them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from support.punchh_adapter import SAMPLES, sample

from promo_adapters.base.queue import Entry, State
from promo_adapters.braze.objects import ObjectKind, request_body
from promo_adapters.punchh import mapping
from promo_adapters.punchh.models import Event, Family, User, parse
from promo_adapters.punchh.processor import recorded
from promo_adapters.punchh.settings import PublishRule

FAMILIES = {
    "users": Family.USER,
    "checkins_loyalty": Family.LOYALTY_CHECKIN,
    "checkins_gift": Family.GIFT_CHECKIN,
    "redemptions": Family.REDEMPTION,
    "rewards": Family.REWARD,
    "coupons": Family.COUPON,
    "user_coupon_redemptions": Family.COUPON_REDEMPTION,
    "pending_checkin": Family.PENDING_CHECKIN,
    "post_checkin_campaign": Family.POST_CHECKIN_GIFT,
    "redeemables": None,
}


def event(name: str, **changes: Any) -> Event:
    """Return a sample; `changes` are made in its payload."""
    document = sample(name)
    document["payload"] = {**document["payload"], **changes}
    return parse(json.dumps(document).encode())


def properties(found: Event, **names: str) -> dict[str, Any]:
    return dict(json.loads(mapping.braze_object(found, "u-1", names).body)["properties"])


def test_every_sample_is_in_the_table() -> None:
    names = {path.stem for path in SAMPLES.glob("*.json") if not path.stem.endswith(".braze")}
    assert names == set(FAMILIES)
    assert {family for family in FAMILIES.values() if family} == set(Family)


@pytest.mark.parametrize(("name", "family"), FAMILIES.items())
def test_an_event_belongs_to_its_family(name: str, family: Family | None) -> None:
    assert event(name).family is family


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family])
def test_braze_hears_what_the_vendors_adapter_would_say(name: str) -> None:
    one = mapping.braze_object(event(name), "u-1", {})
    kind = one.kind + ("+partner" if one.partner else "")
    entry = Entry(1, "k", kind, "u-1", one.body, 0, 0, State.PENDING, "")
    assert json.loads(request_body([entry], "punchh")) == json.loads((SAMPLES / f"{name}.braze.json").read_text())


@pytest.mark.parametrize(("given", "milliseconds"), [(1_619_693_178, 1_619_693_178_000), (1_585_735_899_930,) * 2])
def test_a_timestamp_is_in_seconds_or_milliseconds(given: int, milliseconds: int) -> None:
    found = parse(json.dumps({**sample("rewards"), "timestamp": given}).encode())
    assert found.envelope.timestamp_ms == milliseconds


def test_a_guest_becomes_a_customer() -> None:
    user = event("users").payload
    assert isinstance(user, User)
    customer = mapping.customer(user, "u-1")
    assert (customer.source_id, customer.name, customer.email, customer.phone) == (
        "u-1",
        "Ada Byron",
        "ada@example.com",
        "5550100200",
    )
    assert customer.metadata["punchh_user_id"] == "18268"


def test_what_the_engine_would_refuse_is_cut_at_a_whole_character() -> None:
    user = event("users", first_name="é" * 300, last_name=None, phone="1\x00" * 100).payload
    assert isinstance(user, User)
    customer = mapping.customer(user, "u-1")
    assert customer.name == "é" * 128
    assert customer.phone == "1" * 64


def test_a_long_text_is_cut_to_what_braze_takes() -> None:
    assert properties(event("rewards", description="x" * 300))["description"] == "x" * 255


def test_a_receipt_too_long_for_braze_goes_without_its_items() -> None:
    found = properties(event("checkins_loyalty", menu_items=[{"item_name": "x" * 100}] * 1_000))
    assert "menu_items" not in found
    assert found["receipt_amount"] == 21.4


def test_an_event_can_have_another_name_at_braze() -> None:
    body = mapping.braze_object(event("pending_checkin"), "u-1", {"pending_checkin": "checkin_pending"}).body
    assert json.loads(body)["name"] == "checkin_pending"


def test_a_code_of_ours_is_a_property() -> None:
    one = mapping.braze_object(event("rewards"), "u-1", {}, {"promo_code": "K7X"})
    assert one.kind is ObjectKind.EVENTS
    assert json.loads(one.body)["properties"]["promo_code"] == "K7X"


RULES = (
    PublishRule(event="rewards", campaign_name="Birthday", redeemable_id=1, campaign="never"),
    PublishRule(event="coupons", campaign_id=4711, campaign="wrong family"),
    PublishRule(event="rewards", campaign_name="Birthday", campaign="birthday"),
    PublishRule(event="rewards", redeemable_id=777658, campaign="coffee"),
    PublishRule(event="coupons", campaign_id=512, campaign="spring"),
)


@pytest.mark.parametrize(
    ("name", "changes", "campaign"),
    [
        ("rewards", {}, "birthday"),
        ("rewards", {"campaign_id": 9999}, "birthday"),
        ("rewards", {"campaign_name": None, "campaign_id": None}, "coffee"),
        ("rewards", {"campaign_name": "Other", "redeemable_id": 3}, None),
        ("coupons", {}, "spring"),
        ("coupons", {"coupon_campaign_id": 513}, None),
        ("users", {}, None),
        ("post_checkin_campaign", {"campaign_name": "Birthday"}, None),
    ],
)
def test_the_first_rule_of_which_all_holds_names_the_campaign(
    name: str,
    changes: dict[str, Any],
    campaign: str | None,
) -> None:
    assert mapping.campaign_for(event(name, **changes), RULES) == campaign


@pytest.mark.parametrize(("action", "campaign"), [("create", "birthday"), ("", "birthday"), ("update", None)])
def test_only_a_new_reward_brings_a_code(action: str, campaign: str | None) -> None:
    found = parse(json.dumps({**sample("rewards"), "action": action}).encode())
    assert mapping.campaign_for(found, RULES) == campaign


def test_redemptions_are_recorded_with_what_was_used() -> None:
    used, coupon = recorded(event("redemptions"), "u-1"), recorded(event("user_coupon_redemptions"), "u-1")
    assert used is not None
    assert (used.kind, used.id, used.name, used.status, used.receipt_amount) == (
        "redemption",
        5001,
        "Free coffee",
        "processed",
        "21.4",
    )
    assert coupon is not None
    assert (coupon.kind, coupon.id, coupon.code, coupon.status) == ("coupon", 3301, "PUNCHH-8801", "honored")
    assert recorded(event("rewards"), "u-1") is None


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"content_id": ""}, "$.content_id"),
        ({"content_id": 7}, "$.content_id"),
        ({"timestamp": "now"}, "$.timestamp"),
        ({"timestamp": -1}, "$.timestamp"),
        ({"timestamp": 10**17}, "$.timestamp"),
        ({"event_name": None}, "$.event_name"),
        ({"payload": []}, "$.payload"),
        ({"payload": {}}, "reward_id"),
        ({"payload": {"reward_id": "10712"}}, "$.reward_id"),
        ({"payload": {"reward_id": 1, "user": "Ada"}}, "$.user"),
        ({"payload": {"reward_id": 1, "user": {"external_source_id": "x" * 257}}}, "$.user.external_source_id"),
        ({"payload": {"reward_id": 2**63}}, "$.reward_id"),
    ],
)
def test_a_malformed_event_is_refused_with_the_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=place.replace("$", r"\$")):
        parse(json.dumps({**sample("rewards"), **change}).encode())


def test_a_new_field_is_let_through_and_passed_on() -> None:
    assert properties(event("rewards", brand_new=True))["brand_new"] is True


@pytest.mark.parametrize("name", list(FAMILIES))
def test_documented_fields_may_be_missing_or_null(name: str) -> None:
    document = sample(name)
    needed = {key: value for key, value in document["payload"].items() if key.endswith("_id")}
    parse(json.dumps({**document, "payload": {**dict.fromkeys(document["payload"]), **needed}}).encode())
