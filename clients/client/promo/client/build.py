"""Builders of messages from plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from promo.v1.customer_pb2 import Customer
from promo.v1.discount_pb2 import (
    AmountDiscount,
    Discount,
    DiscountEffect,
    FixedDiscount,
    ItemSelector,
    PercentDiscount,
    UnitDiscount,
    UnitEffect,
)
from promo.v1.order_pb2 import Order, OrderItem
from promo.v1.publication_service_pb2 import PublishRequest
from promo.v1.redeemable_pb2 import ApplicationMode, Redeemable
from promo.v1.redemption_service_pb2 import RedeemRequest
from promo.v1.session_pb2 import SessionRequest
from promo.v1.validation_service_pb2 import ValidateRequest
from promo.v1.validity_pb2 import Validity, ValidityHours, ValidityTimeframe

Mode: TypeAlias = Literal["all", "partial"]
Effect: TypeAlias = Literal["order", "items", "items_proportionally", "items_by_quantity"]

_LARGEST: Final = 2**63 - 1
"""Of an amount, in minor units."""

_MODES: Final[Mapping[Mode | None, ApplicationMode.ValueType]] = {
    None: ApplicationMode.APPLICATION_MODE_UNSPECIFIED,  # means "all"
    "all": ApplicationMode.APPLICATION_MODE_ALL,
    "partial": ApplicationMode.APPLICATION_MODE_PARTIAL,
}
_EFFECTS: Final[Mapping[Effect, DiscountEffect.ValueType]] = {
    "order": DiscountEffect.DISCOUNT_EFFECT_APPLY_TO_ORDER,
    "items": DiscountEffect.DISCOUNT_EFFECT_APPLY_TO_ITEMS,
    "items_proportionally": DiscountEffect.DISCOUNT_EFFECT_APPLY_TO_ITEMS_PROPORTIONALLY,
    "items_by_quantity": DiscountEffect.DISCOUNT_EFFECT_APPLY_TO_ITEMS_BY_QUANTITY,
}
BASIS_POINTS_PER_PERCENT: Final = 100


def item(
    product_id: str = "",
    *,
    price: int,
    quantity: int = 1,
    sku_id: str = "",
    source_id: str = "",
) -> OrderItem:
    """Return one line of an order; `price` of one unit in minor units."""
    return OrderItem(
        source_id=source_id,
        product_id=product_id,
        sku_id=sku_id,
        quantity=quantity,
        price=price,
    )


def order(
    currency_code: str,
    items: Iterable[OrderItem] = (),
    *,
    amount: int | None = None,
    source_id: str = "",
    metadata: Mapping[str, str] | None = None,
) -> Order:
    """Return an order of these lines, or of `amount` minor units without lines."""
    lines = list(items)
    if amount is None:
        total = sum(line.quantity * line.price for line in lines)
        # The engine refuses lines that come to more than an amount can be, and says which is at fault.
        amount = total if total <= _LARGEST else 0
    return Order(
        source_id=source_id,
        currency_code=currency_code,
        items=lines,
        amount=amount,
        metadata=metadata,
    )


def percent_off(
    percent: int | Decimal,
    *,
    limit: int = 0,
    effect: Literal["order", "items"] = "order",
    product_ids: Iterable[str] = (),
    sku_ids: Iterable[str] = (),
) -> Discount:
    """Return a share off, capped at `limit` minor units unless that is 0.

    `percent` has at most two decimals: percent_off(Decimal("12.5")).
    """
    basis_points = Decimal(percent) * BASIS_POINTS_PER_PERCENT
    if basis_points != int(basis_points):
        message = f"percent has at most two decimals: {percent}"
        raise ValueError(message)
    return Discount(
        percent=PercentDiscount(
            basis_points=int(basis_points),
            effect=_EFFECTS[effect],
            amount_limit=limit,
        ),
        applies_to=_selector(product_ids, sku_ids),
    )


def amount_off(
    amount: int,
    *,
    effect: Effect = "order",
    product_ids: Iterable[str] = (),
    sku_ids: Iterable[str] = (),
) -> Discount:
    """Return a sum of minor units off."""
    return Discount(
        amount=AmountDiscount(amount_off=amount, effect=_EFFECTS[effect]),
        applies_to=_selector(product_ids, sku_ids),
    )


def fixed_price(
    amount: int,
    *,
    effect: Literal["order", "items"] = "order",
    product_ids: Iterable[str] = (),
    sku_ids: Iterable[str] = (),
) -> Discount:
    """Return a price set, of the order or of each unit, in minor units."""
    return Discount(
        fixed=FixedDiscount(fixed_amount=amount, effect=_EFFECTS[effect]),
        applies_to=_selector(product_ids, sku_ids),
    )


def free_units(
    count: int,
    *,
    price: int,
    product_id: str = "",
    sku_id: str = "",
    always_added: bool = False,
) -> Discount:
    """Return units given for nothing, those in the order first.

    With `always_added` they come beside those in the order. `price` is that of
    one unit, in minor units, where the order has no line of it.
    """
    effect = UnitEffect.UNIT_EFFECT_ADD_NEW_ITEMS if always_added else UnitEffect.UNIT_EFFECT_ADD_MISSING_ITEMS
    return Discount(
        unit=UnitDiscount(
            unit_off=count,
            effect=effect,
            product_id=product_id,
            sku_id=sku_id,
            price=price,
        ),
    )


def validity(
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    every: timedelta | None = None,
    lasting: timedelta | None = None,
    weekdays: Iterable[int] = (),
    hours: Iterable[ValidityHours] = (),
    after_publishing: timedelta | None = None,
) -> Validity:
    """Return when vouchers may be used; times need a time zone.

    `every` and `lasting` go together: a window that recurs from `start`.
    `weekdays` are ISO numbers, Monday 1 to Sunday 7.
    """
    if (every is None) != (lasting is None):
        message = "a recurring window needs both `every` and `lasting`"
        raise ValueError(message)
    return Validity(
        start_time=timestamp(start),
        expire_time=timestamp(end),
        timeframe=(
            ValidityTimeframe(interval=_duration(every), duration=_duration(lasting)) if every is not None else None
        ),
        # google.type.DayOfWeek has the ISO numbers.
        days_of_week=list(weekdays),
        hours=hours,
        activity_after_publishing=_duration(after_publishing),
    )


def validate_request(
    *,
    codes: Iterable[str] = (),
    order: Order | None = None,
    customer: Customer | str | None = None,
    mode: Mode | None = None,
    session: SessionRequest | timedelta | None = None,
    request_id: str = "",
) -> ValidateRequest:
    """Return a request to price `order` with `codes`; "all" of them, unless `mode` is "partial".

    `session`, as a duration, holds what applies for that long.
    """
    hold = SessionRequest(ttl=_duration(session)) if isinstance(session, timedelta) else session
    return ValidateRequest(
        redeemables=_redeemables(codes),
        customer=_customer(customer),
        order=order,
        mode=_MODES[mode],
        session=hold,
        request_id=request_id,
    )


def redeem_request(
    *,
    codes: Iterable[str] = (),
    order: Order | None = None,
    customer: Customer | str | None = None,
    mode: Mode | None = None,
    session_key: str = "",
    request_id: str = "",
    metadata: Mapping[str, str] | None = None,
    validate_only: bool = False,
) -> RedeemRequest:
    """Return a request to use `codes` on `order`."""
    return RedeemRequest(
        redeemables=_redeemables(codes),
        customer=_customer(customer),
        order=order,
        mode=_MODES[mode],
        session_key=session_key,
        request_id=request_id,
        metadata=metadata,
        validate_only=validate_only,
    )


def publish_request(  # noqa: PLR0913  one keyword per field of the request
    *,
    campaign: str = "",
    customer: Customer | str | None = None,
    count: int = 0,
    source_id: str = "",
    channel: str = "",
    join_once: bool = False,
    request_id: str = "",
    metadata: Mapping[str, str] | None = None,
    validate_only: bool = False,
) -> PublishRequest:
    """Return a request to hand codes of `campaign` to `customer`."""
    return PublishRequest(
        campaign=campaign,
        customer=_customer(customer),
        count=count,
        source_id=source_id,
        channel=channel,
        join_once=join_once,
        request_id=request_id,
        metadata=metadata,
        validate_only=validate_only,
    )


def _redeemables(codes: Iterable[str]) -> list[Redeemable]:
    if isinstance(codes, str):
        # A string is an iterable of strings too: each letter would be a code.
        message = "codes is a list of codes, not one code"
        raise TypeError(message)
    return [Redeemable(code=code) for code in codes]


def _customer(customer: Customer | str | None) -> Customer | None:
    return Customer(source_id=customer) if isinstance(customer, str) else customer


def _selector(product_ids: Iterable[str], sku_ids: Iterable[str]) -> ItemSelector | None:
    selector = ItemSelector(product_ids=product_ids, sku_ids=sku_ids)
    return selector if selector.product_ids or selector.sku_ids else None


def timestamp(moment: datetime | None) -> Timestamp | None:
    """Return a time as the contract has it; None when there is none. Raises ValueError where it has no time zone."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        # protobuf would silently take it for UTC.
        message = "a time needs a time zone"
        raise ValueError(message)
    converted = Timestamp()
    converted.FromDatetime(moment)
    return converted


def _duration(length: timedelta | None) -> Duration | None:
    if length is None:
        return None
    duration = Duration()
    duration.FromTimedelta(length)
    return duration
