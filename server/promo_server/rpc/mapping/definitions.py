"""Discounts, validity and limits."""

from __future__ import annotations

from collections.abc import Iterable

from promo.v1 import discount_pb2, limit_pb2, validity_pb2
from promo_server.domain.definition import (
    AmountDiscount,
    Discount,
    DiscountEffect,
    FixedDiscount,
    Hours,
    ItemSelector,
    Limits,
    PercentDiscount,
    Timeframe,
    UnitDiscount,
    UnitEffect,
    Validity,
)
from promo_server.rpc.mapping import times
from promo_server.rpc.mapping.checks import Checks

_EFFECTS = {
    discount_pb2.DISCOUNT_EFFECT_APPLY_TO_ORDER: DiscountEffect.APPLY_TO_ORDER,
    discount_pb2.DISCOUNT_EFFECT_APPLY_TO_ITEMS: DiscountEffect.APPLY_TO_ITEMS,
    discount_pb2.DISCOUNT_EFFECT_APPLY_TO_ITEMS_PROPORTIONALLY: DiscountEffect.APPLY_TO_ITEMS_PROPORTIONALLY,
    discount_pb2.DISCOUNT_EFFECT_APPLY_TO_ITEMS_BY_QUANTITY: DiscountEffect.APPLY_TO_ITEMS_BY_QUANTITY,
}
_EFFECT_NUMBERS = {effect: number for number, effect in _EFFECTS.items()}
_UNIT_EFFECTS = {
    discount_pb2.UNIT_EFFECT_ADD_MISSING_ITEMS: UnitEffect.ADD_MISSING_ITEMS,
    discount_pb2.UNIT_EFFECT_ADD_NEW_ITEMS: UnitEffect.ADD_NEW_ITEMS,
}
_UNIT_EFFECT_NUMBERS = {effect: number for number, effect in _UNIT_EFFECTS.items()}
_LIMITS = (
    "per_code",
    "per_customer_per_code",
    "per_customer",
    "per_campaign",
    "per_day",
    "per_week",
    "per_month",
    "discount_budget",
    "order_value_budget",
)


def discount_from(checks: Checks, path: str, message: discount_pb2.Discount) -> Discount | None:
    """Return a discount; None, with a violation, when its shape is wrong. Ranges are the kernel's to check."""
    kind = message.WhichOneof("kind")
    lines = ItemSelector(tuple(message.applies_to.product_ids), tuple(message.applies_to.sku_ids))
    if kind is None:
        checks.add(path, "needs exactly one kind of discount")
        return None
    if kind == "unit":
        return _unit_from(checks, path, message.unit, lines)
    effect = _EFFECTS.get(getattr(message, kind).effect)
    if effect is None:
        checks.add(f"{path}.{kind}.effect", "is required and must be a known effect")
        return None
    match kind:
        case "amount":
            return AmountDiscount(message.amount.amount_off, effect, lines)
        case "percent":
            return PercentDiscount(message.percent.basis_points, effect, message.percent.amount_limit, lines)
        case "fixed":
            return FixedDiscount(message.fixed.fixed_amount, effect, lines)


def _unit_from(checks: Checks, path: str, unit: discount_pb2.UnitDiscount, lines: ItemSelector) -> Discount | None:
    effect = _UNIT_EFFECTS.get(unit.effect)
    if effect is None:
        checks.add(f"{path}.unit.effect", "is required and must be a known effect")
        return None
    return UnitDiscount(unit.unit_off, effect, unit.product_id, unit.sku_id, unit.price, lines)


def discount_to(discount: Discount) -> discount_pb2.Discount:
    """Return the message of a discount."""
    message = discount_pb2.Discount()
    match discount:
        case AmountDiscount():
            message.amount.amount_off = discount.amount_off
            message.amount.effect = _EFFECT_NUMBERS[discount.effect]
        case PercentDiscount():
            message.percent.basis_points = discount.basis_points
            message.percent.effect = _EFFECT_NUMBERS[discount.effect]
            message.percent.amount_limit = discount.amount_limit
        case FixedDiscount():
            message.fixed.fixed_amount = discount.fixed_amount
            message.fixed.effect = _EFFECT_NUMBERS[discount.effect]
        case UnitDiscount():
            message.unit.unit_off = discount.unit_off
            message.unit.effect = _UNIT_EFFECT_NUMBERS[discount.effect]
            message.unit.product_id = discount.product_id
            message.unit.sku_id = discount.sku_id
            message.unit.price = discount.price
    if discount.applies_to != ItemSelector():
        message.applies_to.product_ids.extend(discount.applies_to.product_ids)
        message.applies_to.sku_ids.extend(discount.applies_to.sku_ids)
    return message


def validity_from(checks: Checks, path: str, message: validity_pb2.Validity) -> Validity:
    """Return a validity."""
    timeframe = None
    if message.HasField("timeframe"):
        interval = times.milliseconds_of_duration(checks, f"{path}.timeframe.interval", message.timeframe.interval)
        length = times.milliseconds_of_duration(checks, f"{path}.timeframe.duration", message.timeframe.duration)
        timeframe = Timeframe(interval, length)
    activity = None
    if message.HasField("activity_after_publishing"):
        field = f"{path}.activity_after_publishing"
        activity = times.milliseconds_of_duration(checks, field, message.activity_after_publishing)
        if activity == 0:
            checks.add(field, "must be longer than nothing")
    return Validity(
        start_ms=times.milliseconds_of_time(checks, f"{path}.start_time", message.start_time)
        if message.HasField("start_time")
        else None,
        expire_ms=times.milliseconds_of_time(checks, f"{path}.expire_time", message.expire_time)
        if message.HasField("expire_time")
        else None,
        timeframe=timeframe,
        days_of_week=_days(checks, f"{path}.days_of_week", message.days_of_week),
        hours=tuple(
            Hours(
                hours.start_minute,
                hours.end_minute,
                _days(checks, f"{path}.hours[{place}].days_of_week", hours.days_of_week),
            )
            for place, hours in enumerate(message.hours)
        ),
        activity_after_publishing_ms=activity,
    )


def _days(checks: Checks, path: str, days: Iterable[int]) -> tuple[int, ...]:
    """Return ISO days; google.type.DayOfWeek counts the same way from Monday, 1."""
    known = tuple(days)
    if any(not 1 <= day <= 7 for day in known):  # noqa: PLR2004 - days of a week
        checks.add(path, "must be days of the week")
    return known


def validity_to(validity: Validity) -> validity_pb2.Validity:
    """Return the message of a validity."""
    message = validity_pb2.Validity()
    if validity.start_ms is not None:
        message.start_time.CopyFrom(times.timestamp(validity.start_ms))
    if validity.expire_ms is not None:
        message.expire_time.CopyFrom(times.timestamp(validity.expire_ms))
    if validity.timeframe is not None:
        message.timeframe.interval.CopyFrom(times.duration(validity.timeframe.interval_ms))
        message.timeframe.duration.CopyFrom(times.duration(validity.timeframe.duration_ms))
    message.days_of_week.extend(validity.days_of_week)
    for hours in validity.hours:
        message.hours.add(
            start_minute=hours.start_minute,
            end_minute=hours.end_minute,
            days_of_week=hours.days_of_week,
        )
    if validity.activity_after_publishing_ms is not None:
        message.activity_after_publishing.CopyFrom(times.duration(validity.activity_after_publishing_ms))
    return message


def limits_from(message: limit_pb2.Limits) -> Limits:
    """Return limits."""
    return Limits(**{name: getattr(message, name) for name in _LIMITS})


def limits_to(limits: Limits) -> limit_pb2.Limits:
    """Return the message of limits."""
    return limit_pb2.Limits(**{name: getattr(limits, name) for name in _LIMITS})
