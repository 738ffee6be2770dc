"""Stores with the fewest and with the most partitions that can be set."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from support.server_process import KEY, ServerProcess
from support.shop import CART, OK, codes_of, new_campaign, race

from promo.client import CodeLayout, Limits, PromoClient

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("partitions", [1, pytest.param(255, marks=pytest.mark.extended)])
async def test_everything_works_with_so_many_partitions(
    new_server: Callable[..., ServerProcess], partitions: int
) -> None:
    server = new_server(PROMO_STORE__PARTITIONS=str(partitions))
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        computed = [await new_campaign(client, Limits(per_campaign=2)) for _ in range(3)]
        # Where a stored code is found follows from its text: these are all over the store.
        stored = await new_campaign(client, Limits(per_code=1), code_count=300, code_layout=CodeLayout(length=4))
        for campaign in computed:
            codes = (await client.publish(campaign=campaign.name, customer="a", count=3)).codes
            endings = await race(client.redeem(codes=[code], order=CART) for code in codes)
            assert endings == {OK: 2, "CAMPAIGN_LIMIT_REACHED": 1}
        codes = await codes_of(client, stored, 300)
        redeemed = await asyncio.gather(*(client.redeem(codes=[code], order=CART) for code in codes))
        assert len({redemption.id for redemption in redeemed}) == 300
        assert await client.redemptions.get(redeemed[0].id) == redeemed[0]
        await client.rollback(redeemed[0].id)
        stack = await client.redeem(
            codes=[codes[0], *(await codes_of(client, computed[0]))], order=CART, mode="partial"
        )
        assert [bool(result.redemption_id) for result in stack.results] == [True, False]
