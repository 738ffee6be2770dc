"""The campaign of the demonstration: customers who have not bought for a while get 20 % off their next order."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from promo.client import Campaign, Limits, percent_off, validity
from promo_server.cli.replay.behaviour import Behaviour

CURRENCY = "GBP"
PERCENT = 20
CAP = 10_000
"""The most that one order gets off: 100.00."""

CODES = 1_000_000
DAYS = 30

SHOPPERS = Behaviour(repeats=10, cancels=4, tries_again=5, borrows=5, mistypes=1)
FRIENDS = 20
"""Codes of friends from whom shoppers borrow."""

_FIRST_BUDGET_SHARE = 0.40
"""Share of the discounts that the first budget pays for: it is spent before half of the orders have come."""

_LIMIT_SHARE = 0.65
"""Share of the customers that the campaign is for: the others come too late."""


def campaign(name: str, first_amounts: Collection[int], now: datetime) -> Campaign:
    """Return a campaign for customers whose first orders cost these amounts."""
    redemptions = int(len(first_amounts) * _LIMIT_SHARE)
    return Campaign(
        name=name,
        description=f"Reactivation: {PERCENT} % off one order, at most 100.00, one code per customer",
        currency_code=CURRENCY,
        discount=percent_off(PERCENT, limit=CAP),
        validity=validity(end=now + timedelta(days=DAYS)),
        limits=Limits(
            per_code=1,
            per_customer=1,
            per_campaign=max(redemptions, 1),
            discount_budget=_pounds(_discounts(first_amounts) * _FIRST_BUDGET_SHARE),
        ),
        code_count=CODES,
        join_once=True,
    )


def raised_budget(first_amounts: Collection[int]) -> int:
    """Return a budget that pays for everybody, which the campaign gets when the first one is spent."""
    return _pounds(_discounts(first_amounts))


def _discounts(first_amounts: Collection[int]) -> int:
    return sum(min(amount * PERCENT // 100, CAP) for amount in first_amounts)


def _pounds(pence: float) -> int:
    return (int(pence) // 100 + 1) * 100
