"""Repeats: a request id does a thing once, and every repeat gets the first answer."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from support.server_process import KEY, ServerProcess
from support.shop import CART, OFF, OK, codes_of, ending, new_campaign, race
from support.truth import account_of

from promo.client import Limits, PromoClient, RetryPolicy, exceptions, item, order, redeem_request

pytestmark = [pytest.mark.asyncio, pytest.mark.each_store]


async def test_c12_a_request_sent_many_times_at_once_is_one_redemption(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=5, per_customer=5, discount_budget=5 * OFF))
    for code in await codes_of(client, campaign, 3):
        request_id = uuid.uuid4().hex
        calls = [client.redeem(codes=[code], order=CART, customer="a", request_id=request_id) for _ in range(20)]
        answers = await asyncio.gather(*calls)
        assert all(answer == answers[0] for answer in answers)
    account = account_of(server, campaign)
    assert account.uses == 3
    assert set(account.request_ids.values()) == {1}


async def test_a_request_that_is_in_a_batch_many_times_is_one_redemption(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_code=1))
    [code] = await codes_of(client, campaign)
    results = await client.batch_redeem([redeem_request(codes=[code], order=CART, request_id=uuid.uuid4().hex)] * 50)
    assert all(result == results[0] for result in results)
    assert account_of(server, campaign).uses == 1


async def test_c13_a_checkout_that_is_completed_twice_does_not_fail_on_its_own_use(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_code=1, per_campaign=1, per_customer=1))
    [code] = await codes_of(client, campaign)
    request_id = uuid.uuid4().hex
    first = await client.redeem(codes=[code], order=CART, customer="a", request_id=request_id)
    assert await race([client.redeem(codes=[code], order=CART, customer="a")]) == {"CODE_USES_EXHAUSTED": 1}
    again = await client.redeem(codes=[code], order=CART, customer="a", request_id=request_id)
    assert again == first
    assert account_of(server, campaign).uses == 1


async def test_c29_a_call_whose_answer_was_lost_is_repeated_without_counting_twice(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=40))
    [code] = await codes_of(client, campaign)
    done = []
    async with PromoClient.connect(server.target, key=KEY, retry=RetryPolicy(attempts=1)) as hasty:
        for number in range(40):
            request_id = uuid.uuid4().hex
            # Deadlines about as long as a call takes: some are too late for the answer only.
            await ending(hasty.redeem(codes=[code], order=CART, request_id=request_id, timeout=0.0005 * (number % 10)))
            done.append(await client.redeem(codes=[code], order=CART, request_id=request_id))
    account = account_of(server, campaign)
    assert account.redemptions == {one.id for one in done}
    assert account.uses == 40
    assert await race([client.redeem(codes=[code], order=CART)]) == {"CAMPAIGN_LIMIT_REACHED": 1}


async def test_a_request_id_with_another_body_is_refused_and_does_nothing(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=10))
    first, second = await codes_of(client, campaign, 2)
    request_id = uuid.uuid4().hex
    await client.redeem(codes=[first], order=CART, customer="a", request_id=request_id)
    other_order = order("GBP", [item("mug", price=1)])
    others: list[Callable[[], Awaitable[object]]] = [
        lambda: client.redeem(codes=[second], order=CART, customer="a", request_id=request_id),
        lambda: client.redeem(codes=[first, second], order=CART, customer="a", request_id=request_id),
        lambda: client.redeem(codes=[first], order=other_order, customer="a", request_id=request_id),
        lambda: client.redeem(codes=[first], order=CART, customer="b", request_id=request_id),
        lambda: client.redeem(codes=[first], order=CART, request_id=request_id),
        lambda: client.redeem(codes=[first], order=CART, customer="a", mode="partial", request_id=request_id),
        lambda: client.redeem(codes=[first], order=CART, customer="a", metadata={"a": "b"}, request_id=request_id),
    ]
    for other in others:
        assert await ending(other()) == "REQUEST_ID_REUSED"
    assert account_of(server, campaign).uses == 1


async def test_bodies_that_race_for_one_request_id_are_one_redemption(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=100))
    codes = await codes_of(client, campaign, 12)
    request_id = uuid.uuid4().hex
    endings = await race(client.redeem(codes=[code], order=CART, request_id=request_id) for code in codes)
    assert endings == {OK: 1, "REQUEST_ID_REUSED": 11}
    assert account_of(server, campaign).uses == 1


async def test_each_method_has_request_ids_of_its_own(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_code=1))
    request_id = uuid.uuid4().hex
    [code] = (await client.publish(campaign=campaign.name, customer="a", request_id=request_id)).codes
    redemption = await client.redeem(codes=[code], order=CART, request_id=request_id)
    rollback = await client.rollback(redemption.id, request_id=request_id)
    assert await client.rollback(redemption.id, request_id=request_id) == rollback
    assert account_of(server, campaign).uses == 0


async def test_the_first_answer_is_repeated_whatever_has_become_of_the_campaign(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_code=1))
    [code] = await codes_of(client, campaign)
    request_id = uuid.uuid4().hex
    first = await client.redeem(codes=[code], order=CART, request_id=request_id)
    await client.campaigns.disable(campaign.id)
    assert await client.redeem(codes=[code], order=CART, request_id=request_id) == first
    await client.campaigns.delete(campaign.id)
    assert await client.redeem(codes=[code], order=CART, request_id=request_id) == first
    assert account_of(server, campaign).uses == 1


async def test_a_repeat_of_a_stack_finds_its_answer_when_the_first_campaign_was_deleted(
    server: ServerProcess, client: PromoClient
) -> None:
    """In partial mode the call would go on with the codes that are left, and use them twice."""
    first, second = [await new_campaign(client, Limits(per_code=5)) for _ in range(2)]
    [[a], [b]] = [await codes_of(client, campaign) for campaign in (first, second)]
    request_id = uuid.uuid4().hex
    answer = await client.redeem(codes=[a, b], order=CART, mode="partial", request_id=request_id)
    await client.campaigns.delete(first.id)
    assert await client.redeem(codes=[a, b], order=CART, mode="partial", request_id=request_id) == answer
    assert account_of(server, second).uses == 1


async def test_a_repeat_finds_its_answer_when_a_code_before_the_used_one_has_become_known(
    server: ServerProcess, client: PromoClient
) -> None:
    """The first code found says where the records are, and on the repeat that is another one."""
    campaign = await new_campaign(client, Limits(per_code=5))
    other = await new_campaign(client)
    [code] = await codes_of(client, campaign)
    later = f"LATER-{uuid.uuid4().hex.upper()}"
    request_id = uuid.uuid4().hex
    answer = await client.redeem(codes=[later, code], order=CART, mode="partial", request_id=request_id)
    await client.vouchers.create(later, campaign=other.name)
    for _ in range(2):
        assert await client.redeem(codes=[later, code], order=CART, mode="partial", request_id=request_id) == answer
    assert account_of(server, campaign).uses == 1
    assert account_of(server, other).uses == 0
    different = client.redeem(codes=[later, code], order=CART, request_id=request_id)
    assert await ending(different) == "REQUEST_ID_REUSED"


async def test_a_repeat_of_a_confirmed_hold_gets_the_first_answer(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=1))
    [code] = await codes_of(client, campaign)
    key = (await client.validate(codes=[code], order=CART, session=timedelta(minutes=5))).session.key
    request_id = uuid.uuid4().hex
    calls = [client.redeem(codes=[code], order=CART, session_key=key, request_id=request_id) for _ in range(10)]
    answers = await asyncio.gather(*calls)
    assert all(answer == answers[0] for answer in answers)
    with pytest.raises(exceptions.SessionNotFound):
        await client.redeem(codes=[code], order=CART, session_key=key)
    assert account_of(server, campaign).uses == 1


async def test_what_only_checks_leaves_its_request_id_free(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_code=1))
    [code] = await codes_of(client, campaign)
    request_id = uuid.uuid4().hex
    preview = await client.redeem(codes=[code], order=CART, request_id=request_id, validate_only=True)
    assert preview.id == ""
    assert account_of(server, campaign).uses == 0
    assert (await client.redeem(codes=[code], order=CART, request_id=request_id)).id
    assert account_of(server, campaign).uses == 1
