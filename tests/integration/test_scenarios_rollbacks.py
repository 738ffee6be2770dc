"""Rollbacks: what a redemption took is given back once, to the limits that it was taken from."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from support.server_process import ServerProcess
from support.shop import CART, OFF, OK, codes_of, ending, new_campaign, race
from support.truth import account_of

from promo.client import Limits, PromoClient, exceptions, order
from promo.v1.redemption_pb2 import RedemptionState

pytestmark = [pytest.mark.asyncio, pytest.mark.each_store]

EVERYTHING = Limits(
    per_code=1,
    per_customer_per_code=1,
    per_customer=1,
    per_campaign=1,
    per_day=1,
    per_week=1,
    per_month=1,
    discount_budget=OFF,
    order_value_budget=30_00,
)


async def test_c11_rollbacks_and_redemptions_at_the_same_time_lose_nothing(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=10, discount_budget=10 * OFF))
    codes = await codes_of(client, campaign, 40)
    redeemed = [await client.redeem(codes=[code], order=CART) for code in codes[:10]]

    async def persist(code: str) -> None:
        """Redeem as soon as there is room; there will be for ten, and each must find it."""
        while True:
            if await ending(client.redeem(codes=[code], order=CART)) == OK:
                return
            await asyncio.sleep(0.005)

    async with asyncio.timeout(30):
        rollbacks = [client.rollback(one.id) for one in redeemed]
        await asyncio.gather(race(rollbacks), *(persist(code) for code in codes[10:20]))
    account = account_of(server, campaign)
    assert account.uses == 10
    assert account.redemptions.isdisjoint(one.id for one in redeemed)
    assert await race([client.redeem(codes=[codes[30]], order=CART)]) == {"CAMPAIGN_LIMIT_REACHED": 1}


async def test_c17_a_redemption_that_fails_for_another_reason_burns_no_use(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, EVERYTHING)
    [code] = await codes_of(client, campaign)
    wrong = [
        client.redeem(codes=[code], order=order("EUR", amount=30_00), customer="a"),
        client.redeem(codes=[code], order=CART),
        client.redeem(codes=[code, "NOSUCHCODE"], order=CART, customer="a"),
        client.redeem(codes=[code], order=order("GBP", amount=-1), customer="a"),
        client.redeem(codes=[code], order=order("GBP", amount=30_01), customer="a"),
    ]
    assert set(await race(wrong)) == {
        "CURRENCY_MISMATCH",
        "CUSTOMER_REQUIRED",
        "CODE_NOT_FOUND",
        "FIELD_INVALID",
        "BUDGET_EXHAUSTED",
    }
    assert account_of(server, campaign).uses == 0
    await client.redeem(codes=[code], order=CART, customer="a")
    assert account_of(server, campaign).uses == 1


async def test_c18_a_use_is_counted_when_its_answer_is_there(client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_code=5))
    [code] = await codes_of(client, campaign)
    for count in range(1, 6):
        redemption = await client.redeem(codes=[code], order=CART)
        assert (await client.vouchers.get(code)).redeemed_count == count
    await client.rollback(redemption.id)
    assert (await client.vouchers.get(code)).redeemed_count == 4


async def test_c19_of_many_rollbacks_at_once_one_gives_back(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, EVERYTHING)
    [code] = await codes_of(client, campaign)
    for _ in range(3):
        redemption = await client.redeem(codes=[code], order=CART, customer="a")
        endings = await race(client.rollback(redemption.id) for _ in range(20))
        assert endings == {OK: 1, "ALREADY_ROLLED_BACK": 19}
        assert account_of(server, campaign).uses == 0
        found = await client.redemptions.get(redemption.id)
        assert found.state == RedemptionState.REDEMPTION_STATE_ROLLED_BACK
    endings = await race(client.redeem(codes=[code], order=CART, customer="a") for _ in range(10))
    assert endings[OK] == 1
    assert account_of(server, campaign).uses == 1


async def test_a_rollback_sent_many_times_at_once_has_one_answer(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_code=1))
    [code] = await codes_of(client, campaign)
    redemption = await client.redeem(codes=[code], order=CART)
    request_id = uuid.uuid4().hex
    answers = await asyncio.gather(*(client.rollback(redemption.id, request_id=request_id) for _ in range(15)))
    assert all(answer == answers[0] for answer in answers)
    with pytest.raises(exceptions.RequestIdReused):
        await client.rollback(redemption.id, reason="another", request_id=request_id)
    assert account_of(server, campaign).uses == 0


async def test_redeemables_of_a_stack_are_rolled_back_one_by_one(server: ServerProcess, client: PromoClient) -> None:
    campaigns = [await new_campaign(client, Limits(per_campaign=1, discount_budget=OFF)) for _ in range(3)]
    codes = [(await codes_of(client, campaign))[0] for campaign in campaigns]
    redemption = await client.redeem(codes=codes, order=CART)
    ids = [result.redemption_id for result in redemption.results]
    rollbacks = [client.rollback(redemption.id, redeemable_redemption_ids=[one]) for one in ids[:2] * 5]
    assert await race(rollbacks) == {OK: 2, "ALREADY_ROLLED_BACK": 8}
    found = await client.redemptions.get(redemption.id)
    assert found.state == RedemptionState.REDEMPTION_STATE_PARTIALLY_ROLLED_BACK
    assert sorted(found.rolled_back_ids) == sorted(ids[:2])
    assert [account_of(server, campaign).uses for campaign in campaigns] == [0, 0, 1]
    assert list((await client.rollback(redemption.id)).rolled_back_ids) == ids[2:]
    assert [account_of(server, campaign).uses for campaign in campaigns] == [0, 0, 0]


async def test_parts_and_the_whole_rolled_back_at_once_give_each_use_back_once(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=8, discount_budget=8 * OFF))
    codes = await codes_of(client, campaign, 6)
    redemption = await client.redeem(codes=codes, order=CART)
    ids = [result.redemption_id for result in redemption.results]
    parts = [client.rollback(redemption.id, redeemable_redemption_ids=[one]) for one in ids]
    await race([*parts, *(client.rollback(redemption.id) for _ in range(4))])
    account = account_of(server, campaign)
    assert account.uses == 0
    found = await client.redemptions.get(redemption.id)
    assert sorted(found.rolled_back_ids) == sorted(ids)


async def test_uses_go_back_to_the_limits_of_a_campaign_that_was_changed(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=3, per_customer=3))
    codes = await codes_of(client, campaign, 4)
    redeemed = [await client.redeem(codes=[code], order=CART, customer="a") for code in codes[:3]]
    changed = await client.campaigns.update(
        type(campaign)(id=campaign.id, limits=Limits(per_campaign=2, discount_budget=OFF)), ["limits"]
    )
    assert await race([client.redeem(codes=codes[3:], order=CART, customer="a")]) == {"CAMPAIGN_LIMIT_REACHED": 1}
    for one in redeemed:
        await client.rollback(one.id)
    endings = await race(client.redeem(codes=[code], order=CART, customer="a") for code in codes)
    assert endings[OK] == 1
    assert account_of(server, changed).uses == 1
