"""What tests of a running server begin with: campaigns of their own, their codes, carts, and how calls ended."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Iterable
from typing import Any

from promo.client import Campaign, Limits, PromoClient, PromoError, amount_off, item, order

OK = "OK"
"""How a call ended that was not refused."""

OFF = 5_00
"""What every code takes off unless a test says otherwise, minor units."""

CART = order("GBP", [item("mug", price=12_50, quantity=2), item("plate", price=5_00)], source_id="o-1")
"""An order of 30.00."""


async def new_campaign(client: PromoClient, limits: Limits | None = None, **fields: Any) -> Campaign:
    """Create a campaign that no other test knows."""
    values: dict[str, Any] = {
        "name": f"test-{uuid.uuid4().hex}",
        "currency_code": "GBP",
        "discount": amount_off(OFF),
        "code_count": 1_000,
    }
    return await client.campaigns.create(Campaign(**{**values, **fields}, limits=limits))


async def codes_of(client: PromoClient, campaign: Campaign, count: int = 1) -> list[str]:
    """Return the first codes of a campaign, none of which is published by that."""
    codes: list[str] = []
    pieces = client.codes.export(campaign.name)
    async for piece in pieces:
        codes.extend(piece.codes)
        if len(codes) >= count:
            break
    await pieces.aclose()
    assert len(codes) >= count, f"{campaign.name} has {len(codes)} codes"
    return codes[:count]


async def ending(call: Awaitable[Any]) -> str:
    """Return OK, or the name of the reason for which the call was refused."""
    try:
        await call
    except PromoError as error:
        return error.reason_name or type(error).__name__
    return OK


async def race(calls: Iterable[Awaitable[Any]]) -> Counter[str]:
    """Make calls at the same time, and count how they ended."""
    return Counter(await asyncio.gather(*map(ending, calls)))
