"""A campaign in the words of people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from google.protobuf.duration_pb2 import Duration
from google.type.dayofweek_pb2 import DayOfWeek

from promo.v1.campaign_pb2 import Campaign, CodeMode
from promo.v1.discount_pb2 import Discount, DiscountEffect, ItemSelector
from promo.v1.limit_pb2 import Limits
from promo.v1.validity_pb2 import Validity, ValidityHours
from promo_server.cli import money
from promo_server.cli.documents import word
from promo_server.cli.output import spell_time

_BUDGETS = {"discount_budget": "discount", "order_value_budget": "order value"}


def gives(discount: Discount, currency: str) -> str:
    """Return what a discount gives: `20 % off the order, at most 50.00 GBP`."""
    match discount.WhichOneof("kind"):
        case "percent":
            percent = discount.percent
            share = f"{percent.basis_points / 100:g} % off{_where(percent.effect, discount.applies_to)}"
            return f"{share}, at most {money.spell(percent.amount_limit, currency)}" if percent.amount_limit else share
        case "amount":
            amount = discount.amount
            return f"{money.spell(amount.amount_off, currency)} off{_where(amount.effect, discount.applies_to)}"
        case "fixed":
            fixed = discount.fixed
            return f"price {money.spell(fixed.fixed_amount, currency)}{_where(fixed.effect, discount.applies_to)}"
        case "unit":
            return f"{discount.unit.unit_off:,} x {discount.unit.product_id or discount.unit.sku_id} free"
        case _:
            return ""


def limits(campaign: Campaign) -> str:
    """Return the limits in a few words: `1 per code, 3 per customer`."""
    found: Limits = campaign.limits
    parts = []
    for field, value in found.ListFields():
        if field.name in _BUDGETS:
            parts.append(f"{money.spell(value, campaign.currency_code)} {_BUDGETS[field.name]} in all")
        else:
            parts.append(f"{value:,} {field.name.replace('_', ' ')}")
    return ", ".join(parts)


def summary(campaign: Campaign) -> str:
    """Return what matters in one line."""
    start, end = spell_time(campaign.validity.start_time), spell_time(campaign.validity.expire_time)
    parts = (
        f"{campaign.code_count:,} codes",
        gives(campaign.discount, campaign.currency_code),
        limits(campaign),
        start and f"from {start}",
        end and f"until {end}",
    )
    return ", ".join(part for part in parts if part)


def fields(campaign: Campaign) -> Iterator[tuple[str, str]]:
    """Yield the fields of a campaign that are worth a line."""
    yield "id", campaign.id
    yield "name", campaign.name
    yield "description", campaign.description
    yield "state", "enabled" if campaign.enabled else "DISABLED"
    yield "gives", gives(campaign.discount, campaign.currency_code)
    yield "limits", limits(campaign) or "none"
    yield "start", spell_time(campaign.validity.start_time)
    yield "end", spell_time(campaign.validity.expire_time)
    yield "days", _days(campaign.validity.days_of_week)
    yield "hours", ", ".join(_hours(hours) for hours in campaign.validity.hours)
    yield "window", _window(campaign.validity)
    yield "after publishing", _length(campaign.validity.activity_after_publishing)
    yield "codes", f"{campaign.code_count:,}, {word(CodeMode.DESCRIPTOR, campaign.code_mode)}"
    yield "", campaign.code_mode_reason
    yield "join once", "yes" if campaign.join_once else ""
    yield "auto grow", "yes" if campaign.auto_grow else ""
    yield "metadata", ", ".join(f"{key}={value}" for key, value in sorted(campaign.metadata.items()))
    yield "created", spell_time(campaign.create_time)
    yield "updated", spell_time(campaign.update_time)
    yield "etag", campaign.etag


def _days(days: Iterable[DayOfWeek]) -> str:
    return ", ".join(word(DayOfWeek.DESCRIPTOR, day) for day in days)


def _hours(hours: ValidityHours) -> str:
    start, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in (hours.start_minute, hours.end_minute))
    days = _days(hours.days_of_week)
    return f"{start} to {end} on {days}" if days else f"{start} to {end}"


def _window(validity: Validity) -> str:
    if not validity.HasField("timeframe"):
        return ""
    return f"{_length(validity.timeframe.duration)} every {_length(validity.timeframe.interval)} from the start on"


def _length(duration: Duration) -> str:
    """Return a length of time: `30 days, 0:00:00`."""
    return str(duration.ToTimedelta()) if duration.seconds or duration.nanos else ""


def _where(effect: DiscountEffect.ValueType, selector: ItemSelector) -> str:
    chosen = ", ".join((*selector.product_ids, *selector.sku_ids))
    of_chosen = f" of {chosen}" if chosen else ""
    match effect:
        case DiscountEffect.DISCOUNT_EFFECT_APPLY_TO_ITEMS:
            return f" each line{of_chosen}"
        case DiscountEffect.DISCOUNT_EFFECT_APPLY_TO_ITEMS_BY_QUANTITY:
            return f" each unit{of_chosen}"
        case DiscountEffect.DISCOUNT_EFFECT_APPLY_TO_ITEMS_PROPORTIONALLY:
            return f" all lines{of_chosen}"
        case _:
            return " the order"
