from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from promo.client import (
    amount_off,
    fixed_price,
    free_units,
    item,
    order,
    percent_off,
    publish_request,
    redeem_request,
    validate_request,
    validity,
)
from promo.v1.customer_pb2 import Customer
from promo.v1.discount_pb2 import DiscountEffect, UnitEffect
from promo.v1.redeemable_pb2 import ApplicationMode


def test_the_amount_of_an_order_is_the_sum_of_its_lines() -> None:
    cart = order("GBP", [item("mug", price=1250, quantity=2), item("plate", price=999)])
    assert cart.amount == 3499


def test_an_order_without_lines_has_the_amount_given() -> None:
    cart = order("JPY", amount=5000, source_id="536365", metadata={"shop": "7"})
    assert (cart.amount, cart.source_id, dict(cart.metadata)) == (5000, "536365", {"shop": "7"})


def test_percent_is_exact_to_two_decimals() -> None:
    discount = percent_off(Decimal("12.5"), limit=10_000)
    assert discount.percent.basis_points == 1250
    assert discount.percent.amount_limit == 10_000
    assert discount.percent.effect == DiscountEffect.DISCOUNT_EFFECT_APPLY_TO_ORDER
    assert not discount.HasField("applies_to")


def test_percent_with_more_decimals_is_refused_instead_of_rounded() -> None:
    with pytest.raises(ValueError, match="two decimals"):
        percent_off(Decimal("33.333"))


def test_discounts_on_items_name_them() -> None:
    discount = amount_off(300, effect="items_by_quantity", product_ids=["mug"], sku_ids=["mug-red"])
    assert discount.amount.effect == DiscountEffect.DISCOUNT_EFFECT_APPLY_TO_ITEMS_BY_QUANTITY
    assert list(discount.applies_to.product_ids) == ["mug"]
    assert list(discount.applies_to.sku_ids) == ["mug-red"]
    assert fixed_price(500, effect="items").fixed.fixed_amount == 500


def test_free_units_say_what_happens_to_units_that_are_missing() -> None:
    missing = free_units(1, product_id="mug", price=1250).unit
    added = free_units(1, product_id="mug", price=1250, always_added=True).unit
    assert missing.effect == UnitEffect.UNIT_EFFECT_ADD_MISSING_ITEMS
    assert added.effect == UnitEffect.UNIT_EFFECT_ADD_NEW_ITEMS


def test_validity_takes_times_with_a_zone() -> None:
    when = validity(
        start=datetime(2026, 11, 1, tzinfo=UTC),
        end=datetime(2026, 12, 1, tzinfo=UTC),
        every=timedelta(days=7),
        lasting=timedelta(hours=2),
        weekdays=[1, 7],
        after_publishing=timedelta(days=30),
    )
    assert when.start_time.ToJsonString() == "2026-11-01T00:00:00Z"
    assert when.timeframe.duration.seconds == 7200
    assert list(when.days_of_week) == [1, 7]
    assert when.activity_after_publishing.seconds == 30 * 86_400


def test_a_time_without_a_zone_is_refused_instead_of_taken_for_utc() -> None:
    with pytest.raises(ValueError, match="time zone"):
        validity(start=datetime(2026, 11, 1))  # noqa: DTZ001  the point of the test


def test_a_recurring_window_needs_both_of_its_parts() -> None:
    with pytest.raises(ValueError, match="both"):
        validity(every=timedelta(days=1))


def test_requests_take_plain_values() -> None:
    cart = order("GBP", amount=1000)
    request = redeem_request(codes=["A", "B"], order=cart, customer="17850", mode="partial", metadata={"till": "3"})
    assert [redeemable.code for redeemable in request.redeemables] == ["A", "B"]
    assert request.customer.source_id == "17850"
    assert request.mode == ApplicationMode.APPLICATION_MODE_PARTIAL
    assert dict(request.metadata) == {"till": "3"}
    assert validate_request(codes=["A"], order=cart).mode == ApplicationMode.APPLICATION_MODE_UNSPECIFIED
    customer = Customer(source_id="17850", email="a@example.org")
    assert publish_request(campaign="spring", customer=customer, count=2).customer == customer


def test_one_code_in_place_of_a_list_is_refused_instead_of_split_into_letters() -> None:
    with pytest.raises(TypeError, match="list of codes"):
        redeem_request(codes="ABC", order=order("GBP", amount=1))
