"""The options that say when and how often codes may be used, and how they look."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Annotated

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from promo.v1.campaign_pb2 import Campaign
from promo.v1.voucher_service_pb2 import StandaloneTerms
from promo_server.cli import money
from promo_server.cli.field_options import Sets

_VALIDITY = Group("When", sort_key=0)
_LIMITS = Group("How often and for how much (0: no limit)", sort_key=0)
_LAYOUT = Group("How codes look", sort_key=0)

_MOST = 2**63 - 1


def _zoned(_: object, moment: datetime | None) -> None:
    if moment is not None and moment.tzinfo is None:
        raise ValueError(f"a time needs its zone: {moment.isoformat()}Z for UTC")


Moment = Annotated[datetime | None, Parameter(validator=_zoned)]
Count = Annotated[int | None, Parameter(validator=Number(gte=0, lte=_MOST))]


@Parameter(name="*", group=_VALIDITY)
@dataclass(frozen=True, slots=True)
class ValidityOptions:
    """When codes may be used. Days, hours and recurring windows come from a file."""

    start: Annotated[Moment, Sets("start_time"), Parameter(help="First instant of use: 2026-12-01T00:00:00Z.")] = None
    end: Annotated[Moment, Sets("expire_time"), Parameter(help="First instant at which use has ended.")] = None
    after_publishing: Annotated[
        timedelta | None,
        Sets("activity_after_publishing"),
        Parameter(help="How long after a code was handed out: 30d, 12h."),
    ] = None

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
