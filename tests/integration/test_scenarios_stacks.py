"""Stacks: up to 30 codes of any campaigns in one call, all or in part, in one step."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from support.server_process import ServerProcess
from support.shop import CART, OFF, OK, codes_of, new_campaign, race
from support.truth import account_of

from promo.client import Campaign, Limits, PromoClient, amount_off, exceptions, item, order
from promo.v1.redeemable_pb2 import RedeemableStatus
from promo.v1.redemption_pb2 import Redemption

pytestmark = [pytest.mark.asyncio, pytest.mark.each_store]

LARGE = order("GBP", [item("sofa", price=1_000_00)])
APPLICABLE = RedeemableStatus.REDEEMABLE_STATUS_APPLICABLE


async def campaigns_with_a_code(client: PromoClient, count: int, limits: Limits) -> list[tuple[Campaign, str]]:
    pairs = []
    for _ in range(count):
        campaign = await new_campaign(client, limits)
        [code] = (await client.publish(campaign=campaign.name, customer="holder")).codes
        pairs.append((campaign, code))
    return pairs


async def test_c30_a_stack_with_one_code_that_is_used_up_takes_nothing_of_the_others(
    server: ServerProcess, client: PromoClient
) -> None:
    pairs = await campaigns_with_a_code(client, 5, Limits(per_campaign=2, discount_budget=2 * OFF))
    full, code = pairs[3]
    for _ in range(2):
        await client.redeem(codes=[code], order=CART)
    codes = [code for _, code in pairs]
    with pytest.raises(exceptions.CampaignLimitReached) as caught:
        await client.redeem(codes=codes, order=LARGE)
    assert caught.value.metadata["redeemables"] == "3=CAMPAIGN_LIMIT_REACHED"
    assert [account_of(server, one).uses for one, _ in pairs] == [0, 0, 0, 2, 0]
    partly = await client.redeem(codes=codes, order=LARGE, mode="partial")
    assert [result.status == APPLICABLE for result in partly.results] == [True, True, True, False, True]
    assert partly.order.total_discount_amount == 4 * OFF
    assert [account_of(server, one).uses for one, _ in pairs] == [1, 1, 1, 2, 1]
    assert full.id == partly.results[3].campaign_id


async def test_c30_thirty_codes_of_several_campaigns_are_one_step(server: ServerProcess, client: PromoClient) -> None:
    campaigns = [await new_campaign(client, Limits(per_code=3, per_campaign=15)) for _ in range(6)]
    codes = [code for campaign in campaigns for code in await codes_of(client, campaign, 5)]
    endings = await race(client.redeem(codes=random.sample(codes, 30), order=LARGE) for _ in range(12))
    assert endings == {OK: 3, "CODE_USES_EXHAUSTED": 9}
    assert [account_of(server, campaign).uses for campaign in campaigns] == [15] * 6
    with pytest.raises(exceptions.FieldInvalid):
        await client.redeem(codes=[*codes, "ONEMORE"], order=LARGE)


@pytest.mark.slow
async def test_c30_thirty_codes_of_thirty_campaigns_are_one_step(server: ServerProcess, client: PromoClient) -> None:
    pairs = await campaigns_with_a_code(client, 30, Limits(per_campaign=30))
    codes = [code for _, code in pairs]
    all_of_them = [client.redeem(codes=random.sample(codes, 30), order=LARGE) for _ in range(20)]
    some = [client.redeem(codes=random.sample(codes, 30), order=LARGE, mode="partial") for _ in range(20)]
    endings = await race([*all_of_them, *some])
    assert endings == {OK: 30, "CAMPAIGN_LIMIT_REACHED": 10}
    assert [account_of(server, one).uses for one, _ in pairs] == [30] * 30


async def test_c30_stacks_that_overlap_in_any_order_neither_lose_nor_block_each_other(
    server: ServerProcess, client: PromoClient
) -> None:
    """Six campaigns with 6 uses each; a stack takes three of them. A stack fails only where something is used up."""
    pairs = await campaigns_with_a_code(client, 6, Limits(per_campaign=6, discount_budget=6 * OFF))
    codes = [code for _, code in pairs]
    stacks = [random.sample(range(6), 3) for _ in range(60)]
    answers = await asyncio.gather(
        *(client.redeem(codes=[codes[n] for n in stack], order=LARGE) for stack in stacks), return_exceptions=True
    )
    assert all(isinstance(answer, Redemption | exceptions.CampaignLimitReached) for answer in answers)
    used = Counter(
        n for stack, answer in zip(stacks, answers, strict=True) if isinstance(answer, Redemption) for n in stack
    )
    assert [account_of(server, one).uses for one, _ in pairs] == [used[n] for n in range(6)]
    for stack, answer in zip(stacks, answers, strict=True):
        assert isinstance(answer, Redemption) or any(used[n] == 6 for n in stack)


async def test_partial_stacks_use_up_every_limit_exactly(server: ServerProcess, client: PromoClient) -> None:
    pairs = [
        *await campaigns_with_a_code(client, 3, Limits(per_campaign=4)),
        *await campaigns_with_a_code(client, 3, Limits(discount_budget=9 * OFF)),
    ]
    codes = [code for _, code in pairs]
    answers = await asyncio.gather(
        *(client.redeem(codes=random.sample(codes, 6), order=LARGE, mode="partial") for _ in range(20)),
        return_exceptions=True,
    )
    assert [account_of(server, one).uses for one, _ in pairs] == [4, 4, 4, 9, 9, 9]
    done = [answer for answer in answers if isinstance(answer, Redemption)]
    given = sum(answer.order.total_discount_amount for answer in done)
    assert given == sum(account_of(server, one).discount for one, _ in pairs) == 39 * OFF


async def test_codes_of_one_campaign_in_a_stack_each_count(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=5, per_customer=4, per_code=1))
    codes = await codes_of(client, campaign, 8)
    with pytest.raises(exceptions.CustomerLimitReached):
        await client.redeem(codes=codes[:5], order=LARGE, customer="a")
    assert account_of(server, campaign).uses == 0
    await client.redeem(codes=codes[:4], order=LARGE, customer="a")
    partly = await client.redeem(codes=codes[4:], order=LARGE, customer="b", mode="partial")
    assert [result.status == APPLICABLE for result in partly.results] == [True, False, False, False]
    assert account_of(server, campaign).customers == {"a": 4, "b": 1}


async def test_c31_an_order_of_many_lines_counts_once(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(
        client, Limits(per_code=1, per_campaign=1), discount=amount_off(OFF, effect="items_by_quantity")
    )
    [code] = await codes_of(client, campaign)
    split = order("GBP", [item(f"seller-{n}", price=20_00, quantity=n + 1) for n in range(10)], source_id="split")
    redemption = await client.redeem(codes=[code], order=split)
    assert redemption.order.total_discount_amount == 55 * OFF
    account = account_of(server, campaign)
    assert (account.uses, account.discount) == (1, 55 * OFF)


async def test_the_order_of_codes_is_the_callers(client: PromoClient) -> None:
    pairs = await campaigns_with_a_code(client, 4, Limits(per_code=10))
    codes = [code for _, code in pairs]
    for _ in range(5):
        random.shuffle(codes)
        answer = await client.redeem(codes=codes, order=LARGE)
        assert [result.code for result in answer.results] == codes
        assert [result.redemption_id for result in answer.results] == [f"{answer.id}.{n}" for n in range(4)]
