from __future__ import annotations

from datetime import UTC, datetime

import pytest

from promo_server.cli.demo.baskets import CUSTOMERS, ORDERS, baskets
from promo_server.cli.demo.scenario import CAP, campaign, raised_budget
from promo_server.cli.replay.survey import survey

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_made_up_orders_are_the_same_every_time() -> None:
    assert list(baskets()) == list(baskets())
    assert len(list(baskets())) == ORDERS


def test_made_up_orders_are_like_real_ones() -> None:
    orders = list(baskets())
    assert len(survey(orders).customers) == CUSTOMERS
    assert len({order.number for order in orders}) == ORDERS
    amounts = sorted(order.amount for order in orders)
    assert 1_000 < amounts[len(amounts) // 2] < 10_000
    assert sum(amount > 5 * CAP for amount in amounts) > 20
    assert all(1 <= len(order.lines) <= 12 for order in orders)


def test_first_budget_and_limit_are_too_small_for_all_customers() -> None:
    amounts = list(survey(baskets()).first_amounts.values())
    limits = campaign("spring", amounts, NOW).limits
    discounts = sum(min(amount // 5, CAP) for amount in amounts)
    assert 0.3 * discounts < limits.discount_budget < 0.5 * discounts
    assert discounts <= raised_budget(amounts) <= discounts + 100
    assert 0.5 * len(amounts) < limits.per_campaign < 0.8 * len(amounts)
    assert (limits.per_code, limits.per_customer) == (1, 1)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_campaign_for_hardly_anybody_is_still_valid(count: int) -> None:
    limits = campaign("spring", [1000] * count, NOW).limits
    assert limits.per_campaign >= 1
    assert limits.discount_budget >= 1
