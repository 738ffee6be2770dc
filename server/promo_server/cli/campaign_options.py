"""The options that say what a campaign is, or a voucher that stands alone, and how they change one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from promo.client import amount_off, fixed_price, free_units, percent_off
from promo.client.build import Effect
from promo.v1.campaign_pb2 import Campaign
from promo.v1.discount_pb2 import Discount
from promo.v1.voucher_service_pb2 import StandaloneTerms
from promo_server.cli import money
from promo_server.cli.command_error import CommandError

_DISCOUNT = Group("What a code gives", sort_key=0)
_VALIDITY = Group("When", sort_key=0)
_LIMITS = Group("How often and for how much (0: no limit)", sort_key=0)
_LAYOUT = Group("How codes look", sort_key=0)

_PRICES = "percent", "amount", "fixed_price", "free_units"
_HUNDRED = 100
_MOST = 2**63 - 1


def _zoned(_: object, moment: datetime | None) -> None:
    if moment is not None and moment.tzinfo is None:
        raise ValueError(f"a time needs its zone: {moment.isoformat()}Z for UTC")


def _percent(_: object, percent: Decimal | None) -> None:
    if percent is None:
        return
    if not percent.is_finite() or not 0 < percent <= _HUNDRED or percent * _HUNDRED % 1:
        raise ValueError("a share is above 0 and at most 100, with two decimals at most: 12.5")


Moment = Annotated[datetime | None, Parameter(validator=_zoned)]
Count = Annotated[int | None, Parameter(validator=Number(gte=0, lte=_MOST))]


@Parameter(name="*", group=_DISCOUNT)
@dataclass(frozen=True, slots=True)
class DiscountOptions:
    """What a code gives: one of percent, amount, fixed price, free units."""

    percent: Annotated[Decimal | None, Parameter(validator=_percent, help="Percent off: 20, or 12.5.")] = None
    amount: Annotated[str | None, Parameter(help="A sum off: 5.00.")] = None
    fixed_price: Annotated[str | None, Parameter(help="The price to pay: 9.99.")] = None
    free_units: Annotated[Count, Parameter(help="Units of one --product or --sku for nothing.")] = None
    max_discount: Annotated[str | None, Parameter(help="With --percent: the most that it takes off.")] = None
    unit_price: Annotated[str | None, Parameter(help="With --free-units: price of one that the order lacks.")] = None
    effect: Annotated[Effect | None, Parameter(help="Where it falls; on the order when absent.")] = None
    product: Annotated[tuple[str, ...], Parameter(negative=(), help="Only on this product; repeat for several.")] = ()
    sku: Annotated[tuple[str, ...], Parameter(negative=(), help="Only on this variant; repeat for several.")] = ()

    def build(self, currency: str) -> Discount | None:
        """Return the discount; None when no option speaks of one."""
        kinds = [name for name in _PRICES if getattr(self, name) is not None]
        if not kinds:
            if any(getattr(self, field.name) not in {None, ()} for field in fields(self)):
                raise CommandError("say what a code gives: --percent, --amount, --fixed-price or --free-units")
            return None
        if len(kinds) > 1:
            raise CommandError(f"--{kinds[0]} and --{kinds[1]} exclude each other".replace("_", "-") + "; give one")
        self._refuse_strangers(kinds[0])
        select = {"product_ids": self.product, "sku_ids": self.sku}
        if self.percent is not None:
            limit = money.parse(self.max_discount, currency, "--max-discount") if self.max_discount else 0
            return percent_off(self.percent, limit=limit, effect=self._simple_effect(), **select)
        if self.amount is not None:
            off = money.parse(self.amount, currency, "--amount")
            return amount_off(off, effect=self.effect or "order", **select)
        if self.fixed_price is not None:
            price = money.parse(self.fixed_price, currency, "--fixed-price")
            return fixed_price(price, effect=self._simple_effect(), **select)
        return self._units(self.free_units or 0, currency)

    def _refuse_strangers(self, kind: str) -> None:
        if self.max_discount is not None and kind != "percent":
            raise CommandError("--max-discount belongs to --percent; leave it out")
        if self.unit_price is not None and kind != "free_units":
            raise CommandError("--unit-price belongs to --free-units; leave it out")
        if self.effect is not None and kind == "free_units":
            raise CommandError("--effect says nothing about --free-units; leave it out")

    def _simple_effect(self) -> Literal["order", "items"]:
        match self.effect:
            case None | "order":
                return "order"
            case "items":
                return "items"
            case _:
                raise CommandError(f"--effect {self.effect} needs --amount; give order or items")

    def _units(self, count: int, currency: str) -> Discount:
        if len(self.product) + len(self.sku) != 1 or self.unit_price is None:
            raise CommandError("--free-units needs one --product or --sku, and its --unit-price")
        return free_units(
            count,
            price=money.parse(self.unit_price, currency, "--unit-price"),
            product_id="".join(self.product),
            sku_id="".join(self.sku),
        )


@Parameter(name="*", group=_VALIDITY)
@dataclass(frozen=True, slots=True)
class ValidityOptions:
    """When codes may be used. Days, hours and recurring windows come from a file."""

    start: Annotated[Moment, Parameter(help="First instant of use: 2026-12-01T00:00:00Z.")] = None
    end: Annotated[Moment, Parameter(help="First instant at which use has ended.")] = None
    after_publishing: Annotated[timedelta | None, Parameter(help="How long after a code was handed out: 30d, 12h.")] = (
        None
    )

    def apply(self, terms: Campaign | StandaloneTerms) -> bool:
        """Set what was given; return whether anything was."""
        if self.start is not None:
            terms.validity.start_time.FromDatetime(self.start)
        if self.end is not None:
            terms.validity.expire_time.FromDatetime(self.end)
        if self.after_publishing is not None:
            terms.validity.activity_after_publishing.FromTimedelta(self.after_publishing)
        return any(getattr(self, field.name) is not None for field in fields(self))


@Parameter(name="*", group=_LIMITS)
@dataclass(frozen=True, slots=True)
class LimitOptions:
    """How often and for how much codes may be used; 0 takes a limit away."""

    per_code: Annotated[Count, Parameter(help="Uses of each code.")] = None
    per_customer_per_code: Annotated[Count, Parameter(help="Uses of each code by one customer.")] = None
    per_customer: Annotated[Count, Parameter(help="Uses of the campaign by one customer.")] = None
    per_campaign: Annotated[Count, Parameter(help="Uses of the campaign.")] = None
    per_day: Annotated[Count, Parameter(help="Uses in a day of the project's time zone.")] = None
    per_week: Annotated[Count, Parameter(help="Uses in a week, Monday to Sunday.")] = None
    per_month: Annotated[Count, Parameter(help="Uses in a month.")] = None
    discount_budget: Annotated[str | None, Parameter(help="Sum of the discounts given: 10000.00.")] = None
    order_value_budget: Annotated[str | None, Parameter(help="Sum of the orders, before discounts.")] = None

    def apply(self, terms: Campaign | StandaloneTerms) -> bool:
        """Set what was given; return whether anything was."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in given.items():
            if isinstance(value, str):
                option = f"--{name.replace('_', '-')}"
                setattr(terms.limits, name, money.parse(value, terms.currency_code, option))
            elif value is not None:
                setattr(terms.limits, name, value)
        return any(value is not None for value in given.values())


@Parameter(name="*", group=_LAYOUT)
@dataclass(frozen=True, slots=True)
class LayoutOptions:
    """How codes look; none of it can be changed afterwards."""

    length: Annotated[int | None, Parameter(validator=Number(gte=4, lte=32), help="Random symbols, 4 to 32.")] = None
    charset: Annotated[str | None, Parameter(help="The symbols; by default no vowels and no look-alikes.")] = None
    prefix: Annotated[str | None, Parameter(help="Text before them.")] = None
    postfix: Annotated[str | None, Parameter(help="Text after everything else.")] = None
    pattern: Annotated[str | None, Parameter(help="Text with a # for each random symbol: SPRING-####-####.")] = None
    check_symbol: Annotated[bool, Parameter(negative=(), help="Append one that catches mistyped codes.")] = False

    def apply(self, campaign: Campaign) -> None:
        """Set what was given."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value not in {None, False}:
                setattr(campaign.code_layout, field.name, value)
