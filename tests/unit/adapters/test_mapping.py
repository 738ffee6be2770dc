from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from promo.client import Campaign, Customer, Voucher, amount_off, fixed_price, free_units, percent_off, validity
from promo.v1.discount_pb2 import Discount
from promo.v1.publication_pb2 import Publication
from promo.v1.redeemable_pb2 import RedeemableResult, RedeemableStatus
from promo.v1.session_pb2 import Session
from promo_adapters.base.credentials import api_key
from promo_adapters.base.problems import Problem
from promo_adapters.rest import models
from promo_adapters.rest.mapping.customers import customer_object, to_customer
from promo_adapters.rest.mapping.discounts import discount_object, falls_on_order
from promo_adapters.rest.mapping.orders import to_order
from promo_adapters.rest.mapping.publications import publication_object
from promo_adapters.rest.mapping.sessions import session_object, to_session_request
from promo_adapters.rest.mapping.uses import redeemable_object
from promo_adapters.rest.mapping.values import instant, iso_duration, tracking_id
from promo_adapters.rest.mapping.vouchers import voucher_object


@pytest.mark.parametrize(
    ("discount", "expected", "on_order"),
    [
        (amount_off(5), {"type": "AMOUNT", "amount_off": 5, "effect": "APPLY_TO_ORDER"}, True),
        (
            amount_off(5, effect="items_proportionally"),
            {"type": "AMOUNT", "amount_off": 5, "effect": "APPLY_TO_ITEMS_PROPORTIONALLY"},
            False,
        ),
        (percent_off(20), {"type": "PERCENT", "percent_off": 20, "effect": "APPLY_TO_ORDER"}, True),
        (
            percent_off("12.25", limit=7),
            {"type": "PERCENT", "percent_off": 12.25, "effect": "APPLY_TO_ORDER", "amount_limit": 7},
            True,
        ),
        (
            percent_off(5, effect="items", limit=7),
            {"type": "PERCENT", "percent_off": 5, "effect": "APPLY_TO_ITEMS", "aggregated_amount_limit": 7},
            False,
        ),
        (fixed_price(9), {"type": "FIXED", "fixed_amount": 9, "effect": "APPLY_TO_ORDER"}, True),
        (
            free_units(1, price=3, sku_id="s", always_added=True),
            {"type": "UNIT", "unit_off": 1, "unit_type": "s", "effect": "ADD_NEW_ITEMS", "sku": {"id": "s"}},
            False,
        ),
    ],
)
def test_discounts_have_the_form_of_their_type(discount: Discount, expected: dict[str, Any], *, on_order: bool) -> None:
    assert discount_object(discount) == {**expected, "is_dynamic": False}
    assert falls_on_order(discount) is on_order


def test_a_discount_of_a_kind_yet_unknown_is_null() -> None:
    assert discount_object(Discount()) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "P0D"), (172_800, "P2D"), (5_400, "PT1H30M"), (90_061, "P1DT1H1M1S"), (59, "PT59S")],
)
def test_durations_are_iso_8601(seconds: int, text: str) -> None:
    assert iso_duration(Duration(seconds=seconds)) == text


def test_times_have_milliseconds_and_a_zone() -> None:
    assert instant(Timestamp(seconds=1_664_555_432, nanos=924_000_000)) == "2022-09-30T16:30:32.924Z"


def test_a_tracking_id_is_not_shown_as_it_was_given() -> None:
    shown = tracking_id("36_bob")
    assert shown is not None
    assert shown.startswith("track_")
    assert "bob" not in shown
    assert shown == tracking_id("36_bob") != tracking_id("37_bob")
    assert tracking_id(None) is None


@pytest.mark.parametrize(
    ("given", "seconds", "nanos"),
    [
        (models.Session(), 7 * 86_400, 0),
        (models.Session(ttl=0, ttl_unit="SECONDS"), 7 * 86_400, 0),
        (models.Session(ttl=2), 2 * 86_400, 0),
        (models.Session(ttl=1.5, ttl_unit="HOURS"), 5_400, 0),
        (models.Session(ttl=90, ttl_unit="MINUTES"), 5_400, 0),
        (models.Session(ttl=1_500, ttl_unit="MILLISECONDS"), 1, 500_000_000),
        (models.Session(ttl=2_000_000, ttl_unit="MICROSECONDS"), 2, 0),
        (models.Session(ttl=3e9, ttl_unit="NANOSECONDS"), 3, 0),
    ],
)
def test_sessions_last_as_long_as_their_unit_says(given: models.Session, seconds: int, nanos: int) -> None:
    request = to_session_request(given)
    assert request is not None
    assert (request.ttl.seconds, request.ttl.nanos) == (seconds, nanos)


@pytest.mark.parametrize("ttl", [-1.0, 31.0, float("inf"), float("nan")])
def test_a_session_of_no_possible_time_is_refused(ttl: float) -> None:
    with pytest.raises(Problem):
        to_session_request(models.Session(ttl=ttl))


def test_a_session_is_told_with_the_time_asked_for() -> None:
    session = Session(key="k")
    assert session_object(session, models.Session(ttl=1.5, ttl_unit="HOURS"))["ttl"] == 1.5
    assert session_object(session, None) == {"key": "k", "type": "LOCK", "ttl": 7, "ttl_unit": "DAYS"}


@pytest.mark.parametrize(
    ("given", "source_id"),
    [
        ("u", "u"),
        (models.Customer(id="a", source_id="b", email="c"), "b"),
        (models.Customer(id="a", email="c"), "a"),
        (models.Customer(email="c"), "c"),
    ],
)
def test_a_customer_is_known_by_the_first_id_given(given: models.Customer | str, source_id: str) -> None:
    customer = to_customer(given)
    assert customer is not None
    assert customer.source_id == source_id


@pytest.mark.parametrize("given", [None, "", models.Customer(), models.Customer(name="Ada")])
def test_nobody_is_no_customer(given: models.Customer | str | None) -> None:
    assert to_customer(given) is None


def test_the_profile_of_one_customer_is_not_told_of_another() -> None:
    profile = Customer(source_id="u-2", email="two@example.com")
    assert customer_object("u-1", profile) == {"id": "u-1", "source_id": "u-1", "object": "customer"}
    assert customer_object("", profile) is None


def test_an_order_without_lines_has_its_amount_and_one_with_lines_theirs() -> None:
    assert to_order(models.Order(amount=100)).amount == 100
    line = models.OrderItem(product_id="a", price=30, quantity=2)
    order = to_order(models.Order(id="o", amount=100, items=[line]))
    assert (order.source_id, order.amount, order.items[0].price) == ("o", 0, 30)


@pytest.mark.parametrize("quantity", [0, -1, 3])
def test_an_amount_that_is_no_multiple_of_the_quantity_is_no_price(quantity: int) -> None:
    with pytest.raises(Problem, match="quantity"):
        to_order(models.Order(items=[models.OrderItem(amount=100, quantity=quantity)]))


def test_a_publication_whose_details_cannot_be_had_still_shows_its_code() -> None:
    publication = Publication(id="pub_1", campaign="c", campaign_id="camp_1", customer="u", codes=["CODE"])
    answer = publication_object(publication, Customer(source_id="u"), [], None)
    voucher = answer["voucher"]
    assert isinstance(voucher, dict)
    assert (voucher["code"], voucher["id"], voucher["discount"], voucher["holder_id"]) == ("CODE", None, None, "u")
    assert answer["vouchers_id"] == []


def test_a_refusal_of_a_newer_engine_is_a_refusal() -> None:
    result = RedeemableResult(code="A", status=RedeemableStatus.REDEEMABLE_STATUS_INAPPLICABLE)
    result.refusal.reason = 9_999  # type: ignore[assignment]
    result.refusal.message = "the moon is too full"
    answer = redeemable_object(result, {}, "v-1")
    assert answer["status"] == "INAPPLICABLE"
    assert "the moon is too full" in str(answer["result"])


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"x-app-id": "i", "x-app-token": "t"}, "i:t"),
        ({"authorization": "Basic aTp0OnU="}, "i:t:u"),
        ({"authorization": "basic aTp0"}, "i:t"),
        ({"x-app-id": "i", "x-app-token": "t", "authorization": "Basic YTpi"}, "i:t"),
    ],
)
def test_a_key_comes_in_two_headers_or_as_basic_authentication(headers: dict[str, str], key: str) -> None:
    assert api_key(headers) == key


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-app-id": "i"},
        {"x-app-token": "t"},
        {"x-app-id": "i:j", "x-app-token": "t"},
        {"x-app-id": "i", "x-app-token": "t\n"},
        {"x-app-id": "ü", "x-app-token": "t"},
        {"authorization": "Basic ?"},
        {"authorization": "Basic aQ=="},
        {"authorization": "Bearer i:t"},
    ],
)
def test_headers_without_a_whole_key_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Problem) as refused:
        api_key(headers)
    assert (refused.value.status, refused.value.key) == (401, "unauthorized")


def test_a_voucher_shows_what_it_has_of_its_own_in_place_of_its_campaigns_terms() -> None:
    campaign = Campaign(discount=percent_off(20), validity=validity(start=datetime(2026, 1, 1, tzinfo=UTC)))
    own = Voucher(code="A", discount=amount_off(5), metadata={"seat": "7"})
    own.start_time.FromDatetime(datetime(2026, 2, 1, tzinfo=UTC))
    own.update_time.FromDatetime(datetime(2026, 1, 5, tzinfo=UTC))
    shown = voucher_object(own, campaign)
    assert shown["discount"] == discount_object(amount_off(5))
    assert (shown["metadata"], shown["start_date"]) == ({"seat": 7}, "2026-02-01T00:00:00.000Z")
    assert shown["updated_at"] == "2026-01-05T00:00:00.000Z"
    plain = voucher_object(Voucher(code="A"), campaign)
    assert (plain["discount"], plain["start_date"]) == (discount_object(percent_off(20)), "2026-01-01T00:00:00.000Z")
    assert plain["updated_at"] is None
