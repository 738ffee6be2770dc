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

_BUDGET_SHARE = 0.80
"""Share of the customers for whom the budget lasts."""

_LATE_SHARE = 0.92
"""Share of the customers at which only very small discounts still fit."""


def campaign(name: str, first_amounts: Collection[int], now: datetime) -> Campaign:
    """Return a campaign for customers whose first orders cost these amounts.

    Budget and limit are a little too small for all of them: somebody must come too late for the refusals to be seen.
    """
    budget, redemptions = _sizes([min(amount * PERCENT // 100, CAP) for amount in first_amounts])
    return Campaign(
        name=name,
        description=f"Reactivation: {PERCENT} % off one order, at most 100.00, one code per customer",
        currency_code=CURRENCY,
        discount=percent_off(PERCENT, limit=CAP),
        validity=validity(end=now + timedelta(days=DAYS)),
        limits=Limits(per_code=1, per_customer=1, per_campaign=redemptions, discount_budget=budget),
        code_count=CODES,
        join_once=True,
    )


def _sizes(discounts: list[int]) -> tuple[int, int]:
    """Return a budget that lasts for most customers, and a count that small discounts reach after that."""
    early = int(len(discounts) * _BUDGET_SHARE)
    # A little more than the early ones take: what is left fits small discounts only.
    budget = left = sum(discounts[:early]) + CAP
    redemptions = 0
    for discount in discounts[: int(len(discounts) * _LATE_SHARE)]:
        if discount <= left:
            left -= discount
            redemptions += 1
    return budget, max((early + redemptions) // 2, 1)
