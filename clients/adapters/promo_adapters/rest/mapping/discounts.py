"""Discounts, as their objects."""

from __future__ import annotations

from typing import Final

from promo.v1.discount_pb2 import (
    AmountDiscount,
    Discount,
    DiscountEffect,
    FixedDiscount,
    PercentDiscount,
    UnitDiscount,
    UnitEffect,
)

_BASIS_POINTS_PER_PERCENT: Final = 100
_ON_ORDER: Final = DiscountEffect.DISCOUNT_EFFECT_APPLY_TO_ORDER


def discount_object(discount: Discount) -> dict[str, object] | None:
    """Return a discount in the form of its type; None for one that this version does not know."""
    kind = discount.WhichOneof("kind")
    if kind == "amount":
        return _amount(discount.amount)
    if kind == "percent":
        return _percent(discount.percent)
    if kind == "fixed":
        return _fixed(discount.fixed)
    if kind == "unit":
        return _unit(discount.unit)
    return None


def falls_on_order(discount: Discount) -> bool:
    """Return whether the discount is one on the order as a whole."""
    kind = discount.WhichOneof("kind")
    return kind is not None and kind != "unit" and getattr(discount, kind).effect == _ON_ORDER


def _amount(amount: AmountDiscount) -> dict[str, object]:
    return {"type": "AMOUNT", "amount_off": amount.amount_off, "effect": _effect(amount.effect), "is_dynamic": False}


def _percent(percent: PercentDiscount) -> dict[str, object]:
    whole, rest = divmod(percent.basis_points, _BASIS_POINTS_PER_PERCENT)
    answer: dict[str, object] = {
        "type": "PERCENT",
        "percent_off": percent.basis_points / _BASIS_POINTS_PER_PERCENT if rest else whole,
        "effect": _effect(percent.effect),
        "is_dynamic": False,
    }
    if percent.amount_limit:
        # Over lines the engine's cap is one on their sum.
        name = "amount_limit" if percent.effect == _ON_ORDER else "aggregated_amount_limit"
        answer[name] = percent.amount_limit
    return answer


def _fixed(fixed: FixedDiscount) -> dict[str, object]:
    return {"type": "FIXED", "fixed_amount": fixed.fixed_amount, "effect": _effect(fixed.effect), "is_dynamic": False}


def _unit(unit: UnitDiscount) -> dict[str, object]:
    given = {"sku": {"id": unit.sku_id}} if unit.sku_id else {"product": {"id": unit.product_id}}
    return {
        "type": "UNIT",
        "unit_off": unit.unit_off,
        "unit_type": unit.sku_id or unit.product_id,
        "effect": UnitEffect.Name(unit.effect).removeprefix("UNIT_EFFECT_"),
        **given,
        "is_dynamic": False,
    }


def _effect(effect: DiscountEffect.ValueType) -> str:
    return DiscountEffect.Name(effect).removeprefix("DISCOUNT_EFFECT_")
