"""What a campaign's codes give, when and how often.

Field names and texts are those of the definition document that the decision kernel compiles, so a definition and its
document convert into each other without a table. 0 and None mean "not set".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class DiscountEffect(StrEnum):
    """Where a discount falls."""

    APPLY_TO_ORDER = "apply_to_order"
    APPLY_TO_ITEMS = "apply_to_items"
    APPLY_TO_ITEMS_PROPORTIONALLY = "apply_to_items_proportionally"
    APPLY_TO_ITEMS_BY_QUANTITY = "apply_to_items_by_quantity"


class UnitEffect(StrEnum):
    """What a unit discount does with units that the order lacks."""

    ADD_MISSING_ITEMS = "add_missing_items"
    ADD_NEW_ITEMS = "add_new_items"


@dataclass(frozen=True, slots=True)
class ItemSelector:
    """Lines of an order, by product or by variant; both empty selects every line."""

    product_ids: tuple[str, ...] = ()
    sku_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AmountDiscount:
    """A sum off, in minor units."""

    amount_off: int
    effect: DiscountEffect
    applies_to: ItemSelector = field(default_factory=ItemSelector)
    kind: Literal["amount"] = "amount"


@dataclass(frozen=True, slots=True)
class PercentDiscount:
    """A share off in basis points, capped at `amount_limit` minor units unless that is 0."""

    basis_points: int
    effect: DiscountEffect
    amount_limit: int = 0
    applies_to: ItemSelector = field(default_factory=ItemSelector)
    kind: Literal["percent"] = "percent"


@dataclass(frozen=True, slots=True)
class FixedDiscount:
    """A price set, in minor units; a lower price stays."""

    fixed_amount: int
    effect: DiscountEffect
    applies_to: ItemSelector = field(default_factory=ItemSelector)
    kind: Literal["fixed"] = "fixed"


@dataclass(frozen=True, slots=True)
class UnitDiscount:
    """Units of one product or variant given for nothing; `price` is the unit's where the order has no line of it."""

    unit_off: int
    effect: UnitEffect
    product_id: str = ""
    sku_id: str = ""
    price: int = 0
    applies_to: ItemSelector = field(default_factory=ItemSelector)
    kind: Literal["unit"] = "unit"


Discount = AmountDiscount | PercentDiscount | FixedDiscount | UnitDiscount


@dataclass(frozen=True, slots=True)
class Timeframe:
    """A window of `duration_ms` that opens every `interval_ms`, first at the start of the validity."""

    interval_ms: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Hours:
    """Minutes of a day, half-open, on the named ISO days of the week (Monday is 1) or on every day."""

    start_minute: int
    end_minute: int
    days_of_week: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Validity:
    """When codes may be used; every part that is set must hold. Times are milliseconds since 1970 UTC."""

    start_ms: int | None = None
    expire_ms: int | None = None
    timeframe: Timeframe | None = None
    days_of_week: tuple[int, ...] = ()
    hours: tuple[Hours, ...] = ()
    activity_after_publishing_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How often and for how much codes may be used; 0 means no limit."""

    per_code: int = 0
    per_customer_per_code: int = 0
    per_customer: int = 0
    per_campaign: int = 0
    per_day: int = 0
    per_week: int = 0
    per_month: int = 0
    discount_budget: int = 0
    order_value_budget: int = 0


@dataclass(frozen=True, slots=True)
class CampaignDefinition:
    """Everything about a campaign that a decision depends on."""

    currency: str
    discount: Discount
    validity: Validity = field(default_factory=Validity)
    limits: Limits = field(default_factory=Limits)
