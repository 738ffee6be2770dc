"""The options that say what a code gives, and how they change it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Annotated, Final, Literal, cast

from cyclopts import Group, Parameter

from promo.client import amount_off, fixed_price, free_units, percent_off
from promo.client.build import Effect
from promo.v1.campaign_pb2 import Campaign
from promo.v1.discount_pb2 import Discount, DiscountEffect, UnitEffect
from promo.v1.voucher_pb2 import Voucher
from promo.v1.voucher_service_pb2 import StandaloneTerms
from promo_server.cli import campaign_text, money
from promo_server.cli.campaign_options import Count
from promo_server.cli.command_error import CommandError
from promo_server.cli.documents import word
from promo_server.cli.field_options import Sets
from promo_server.cli.output import print_hint

_DISCOUNT = Group("What a code gives", sort_key=0)
_HUNDRED = 100

_KINDS: Final[Mapping[str, str]] = {
    "percent": "percent",
    "amount": "amount",
    "fixed_price": "fixed",
    "free_units": "unit",
}
"""The kind of discount that each of these options makes."""


def _percent(_: object, percent: Decimal | None) -> None:
    if percent is None:
        return
    if not percent.is_finite() or not 0 < percent <= _HUNDRED or percent * _HUNDRED % 1:
        raise ValueError("a share is above 0 and at most 100, with two decimals at most: 12.5")


@Parameter(name="*", group=_DISCOUNT)
@dataclass(frozen=True, slots=True)
class DiscountOptions:
    """What a code gives: one of percent, amount, fixed price, free units."""

    percent: Annotated[
        Decimal | None, Sets("percent.basis_points"), Parameter(validator=_percent, help="Percent off: 20, or 12.5.")
    ] = None
    amount: Annotated[str | None, Sets("amount.amount_off"), Parameter(help="A sum off: 5.00.")] = None
    fixed_price: Annotated[str | None, Sets("fixed.fixed_amount"), Parameter(help="The price to pay: 9.99.")] = None
    free_units: Annotated[
        Count, Sets("unit.unit_off"), Parameter(help="Units of one --product or --sku for nothing.")
    ] = None
    max_discount: Annotated[
        str | None,
        Sets("percent.amount_limit"),
        Parameter(help="Of a percentage: the most that it takes off; 0: no cap."),
    ] = None
    unit_price: Annotated[
        str | None, Sets("unit.price"), Parameter(help="Of free units: price of one that the order lacks.")
    ] = None
    effect: Annotated[Effect | None, Parameter(help="Where it falls; on the order unless said.")] = None
    product: Annotated[
        tuple[str, ...],
        Sets("applies_to.product_ids", "unit.product_id"),
        Parameter(negative=(), help='Only on this product; repeat for several; "" for any.'),
    ] = ()
    sku: Annotated[
        tuple[str, ...],
        Sets("applies_to.sku_ids", "unit.sku_id"),
        Parameter(negative=(), help='Only on this variant; repeat for several; "" for any.'),
    ] = ()

    def apply(self, terms: Campaign | StandaloneTerms | Voucher, currency: str) -> bool:
        """Set what was given; return whether anything was, and say what another kind of discount takes the place of."""
        present = terms.discount if terms.HasField("discount") else None
        built = self.build(currency, present)
        if built is None:
            return False
        if present is not None and present.WhichOneof("kind") != built.WhichOneof("kind"):
            print_hint(f"This replaces the discount as a whole, which was: {campaign_text.gives(present, currency)}.")
        terms.discount.CopyFrom(built)
        return True

    def build(self, currency: str, present: Discount | None = None) -> Discount | None:
        """Return the discount; None when no option speaks of one.

        What no option names is as in `present`, where that is of the same kind.
        """
        given = [name for name in _KINDS if getattr(self, name) is not None]
        if len(given) > 1:
            raise CommandError(f"--{given[0]} and --{given[1]} exclude each other".replace("_", "-") + "; give one")
        known = present.WhichOneof("kind") if present is not None else None
        kind = _KINDS[given[0]] if given else known
        if not given and all(getattr(self, field.name) in {None, ()} for field in fields(self)):
            return None
        if kind is None:
            raise CommandError("say what a code gives: --percent, --amount, --fixed-price or --free-units")
        self._refuse_strangers(kind)
        return self._built(kind, currency, present if present is not None and kind == known else Discount())

    def _built(self, kind: str, currency: str, base: Discount) -> Discount:
        """Return a discount of a kind; `base` has what no option names."""
        products = _chosen(self.product, base.applies_to.product_ids)
        skus = _chosen(self.sku, base.applies_to.sku_ids)
        match kind:
            case "percent":
                percent = Decimal(base.percent.basis_points) / _HUNDRED if self.percent is None else self.percent
                limit = _amount(self.max_discount, base.percent.amount_limit, currency, "--max-discount")
                effect = self._simple_effect(base.percent.effect)
                return percent_off(percent, limit=limit, effect=effect, product_ids=products, sku_ids=skus)
            case "amount":
                off = _amount(self.amount, base.amount.amount_off, currency, "--amount")
                return amount_off(off, effect=self._effect(base.amount.effect), product_ids=products, sku_ids=skus)
            case "fixed":
                price = _amount(self.fixed_price, base.fixed.fixed_amount, currency, "--fixed-price")
                effect = self._simple_effect(base.fixed.effect)
                return fixed_price(price, effect=effect, product_ids=products, sku_ids=skus)
            case _:
                return self._units(currency, base)

    def _refuse_strangers(self, kind: str) -> None:
        if self.max_discount is not None and kind != "percent":
            raise CommandError("--max-discount belongs to --percent; leave it out")
        if self.unit_price is not None and kind != "unit":
            raise CommandError("--unit-price belongs to --free-units; leave it out")
        if self.effect is not None and kind == "unit":
            raise CommandError("--effect says nothing about --free-units; leave it out")

    def _effect(self, base: DiscountEffect.ValueType) -> Effect:
        if self.effect is not None:
            return self.effect
        return cast("Effect", word(DiscountEffect.DESCRIPTOR, base).removeprefix("apply_to_")) if base else "order"

    def _simple_effect(self, base: DiscountEffect.ValueType) -> Literal["order", "items"]:
        match self._effect(base):
            case "order":
                return "order"
            case "items":
                return "items"
            case other:
                raise CommandError(f"--effect {other} needs --amount; give order or items")

    def _units(self, currency: str, base: Discount) -> Discount:
        chosen = [one for one in (*self.product, *self.sku) if one]
        product, sku = "".join(filter(None, self.product)), "".join(filter(None, self.sku))
        if not chosen:
            product, sku = base.unit.product_id, base.unit.sku_id
        if len(chosen) > 1 or not (product or sku) or (self.unit_price is None and not base.HasField("unit")):
            raise CommandError("--free-units needs one --product or --sku, and its --unit-price")
        return free_units(
            base.unit.unit_off if self.free_units is None else self.free_units,
            price=_amount(self.unit_price, base.unit.price, currency, "--unit-price"),
            product_id=product,
            sku_id=sku,
            always_added=base.unit.effect == UnitEffect.UNIT_EFFECT_ADD_NEW_ITEMS,
        )


def _amount(text: str | None, base: int, currency: str, option: str) -> int:
    return base if text is None else money.parse(text, currency, option)


def _chosen(given: tuple[str, ...], base: Iterable[str]) -> list[str]:
    """Return the ids that options name; an empty one takes all away."""
    return [one for one in given if one] if given else list(base)
