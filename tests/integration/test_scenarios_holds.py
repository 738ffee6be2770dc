"""Holds: a use taken for a time, which only its owner can turn into a redemption."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import timedelta

import pytest
from support.server_process import ServerProcess
from support.shop import CART, OFF, OK, codes_of, new_campaign, race
from support.truth import account_of

from promo.client import Campaign, Limits, PromoClient, amount_off, exceptions, item, order
from promo.v1.session_pb2 import Session, SessionRequest
from promo.v1.validation_service_pb2 import Validation

pytestmark = [pytest.mark.asyncio, pytest.mark.each_store]

LONG = timedelta(minutes=10)
SHORT = timedelta(seconds=1)


async def hold(client: PromoClient, *codes: str, ttl: timedelta = LONG, customer: str | None = None) -> Validation:
    return await client.validate(codes=codes, order=CART, session=ttl, customer=customer)


async def over(session: Session) -> None:
    """Return when a hold is over, by the clock that this machine shares with the server."""
    await asyncio.sleep(max(session.expire_time.ToNanoseconds() / 1e9 - time.time(), 0) + 0.05)


async def test_c4_exactly_as_many_hold_as_may_redeem_and_all_of_them_can(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=5, discount_budget=5 * OFF))
    codes = await codes_of(client, campaign, 20)
    validations = await asyncio.gather(*(hold(client, code) for code in codes))
    held = [(code, one.session.key) for code, one in zip(codes, validations, strict=True) if one.valid]
    assert len(held) == 5
    assert all(not one.HasField("session") for one in validations if not one.valid)
    others = await race(client.redeem(codes=[code], order=CART) for code in codes)
    assert others == {"CAMPAIGN_LIMIT_REACHED": 20}
    assert await race(client.redeem(codes=[code], order=CART, session_key=key) for code, key in held) == {OK: 5}
    assert account_of(server, campaign).uses == 5


async def test_c14_the_own_hold_does_not_stand_in_the_way(server: ServerProcess, client: PromoClient) -> None:
    limits = Limits(
        per_code=1, per_customer=1, per_campaign=1, per_day=1, discount_budget=OFF, order_value_budget=30_00
    )
    campaign = await new_campaign(client, limits)
    [code] = await codes_of(client, campaign)
    session = (await hold(client, code, customer="a")).session
    assert await race([client.redeem(codes=[code], order=CART, customer="a")]) == {"CODE_USES_EXHAUSTED": 1}
    preview = await client.redeem(codes=[code], order=CART, customer="a", session_key=session.key, validate_only=True)
    assert preview.order.total_discount_amount == OFF
    redemption = await client.redeem(codes=[code], order=CART, customer="a", session_key=session.key)
    # The payment failed: the order is undone, and the shopper tries again.
    await client.rollback(redemption.id)
    again = (await hold(client, code, customer="a")).session
    await client.redeem(codes=[code], order=CART, customer="a", session_key=again.key)
    assert account_of(server, campaign).uses == 1


async def test_c15_a_hold_without_a_time_is_refused_and_holds_nothing(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_code=1))
    [code] = await codes_of(client, campaign)
    for session in (SessionRequest(), SessionRequest(key="a-session-key")):
        with pytest.raises(exceptions.FieldInvalid):
            await client.validate(codes=[code], order=CART, session=session)
    for ttl in (0, -1, 0.999, 31 * 24 * 3_600):
        with pytest.raises(exceptions.FieldInvalid) as caught:
            await client.validate(codes=[code], order=CART, session=timedelta(seconds=ttl))
        assert [one.field for one in caught.value.violations] == ["session.ttl"]
    assert (await client.validate(codes=[code], order=CART)).valid
    assert account_of(server, campaign).uses == 0


async def test_c16_orders_that_were_parked_without_a_hold_compete_when_they_are_paid(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=4))
    codes = await codes_of(client, campaign, 15)
    parked = await asyncio.gather(*(client.validate(codes=[code], order=CART) for code in codes))
    assert all(one.valid for one in parked)
    assert (await race(client.redeem(codes=[code], order=CART) for code in codes))[OK] == 4
    assert account_of(server, campaign).uses == 4


async def test_a_hold_that_is_over_is_free_for_the_next_call(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_code=1, per_campaign=1, discount_budget=OFF))
    [code] = await codes_of(client, campaign)
    session = (await hold(client, code, ttl=SHORT)).session
    assert not (await client.validate(codes=[code], order=CART)).valid
    await over(session)
    with pytest.raises(exceptions.SessionNotFound):
        await client.redeem(codes=[code], order=CART, session_key=session.key)
    with pytest.raises(exceptions.SessionNotFound):
        await client.sessions.get(session.key)
    assert (await client.vouchers.get(code)).redeemed_count == 0
    await client.redeem(codes=[code], order=CART)
    assert account_of(server, campaign).uses == 1


async def test_holds_that_are_over_are_free_for_all_who_come_at_once(
    server: ServerProcess, client: PromoClient
) -> None:
    """Whoever finds a hold over frees its use for everybody, also for one who was refused a moment before."""
    for _ in range(3):
        campaign = await new_campaign(client, Limits(per_campaign=8))
        codes = await codes_of(client, campaign, 16)
        sessions = [(await hold(client, code, ttl=SHORT)).session for code in codes[:8]]
        await over(sessions[-1])
        endings = await race(client.redeem(codes=[code], order=CART) for code in codes)
        assert endings == {OK: 8, "CAMPAIGN_LIMIT_REACHED": 8}
        assert account_of(server, campaign).uses == 8


async def test_a_stack_that_was_held_is_free_in_each_of_its_campaigns(
    server: ServerProcess, client: PromoClient
) -> None:
    """The hold is kept with its first campaign; the second one must not have to know where."""
    first, second = [await new_campaign(client, Limits(per_campaign=1)) for _ in range(2)]
    [[a], [b]] = [await codes_of(client, campaign) for campaign in (first, second)]
    session = (await hold(client, a, b, ttl=SHORT)).session
    assert await race([client.redeem(codes=[b], order=CART)]) == {"CAMPAIGN_LIMIT_REACHED": 1}
    await over(session)
    assert await race([client.redeem(codes=[b], order=CART)]) == {OK: 1}
    assert (account_of(server, first).uses, account_of(server, second).uses) == (0, 1)


async def test_a_released_hold_gives_back_everything_once(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_code=1, per_campaign=1, per_customer=1, discount_budget=OFF))
    [code] = await codes_of(client, campaign)
    session = (await hold(client, code, customer="a")).session
    endings = await race(client.sessions.release(session.key) for _ in range(10))
    assert endings[OK] == 1
    assert endings["SESSION_NOT_FOUND"] == 9
    await client.redeem(codes=[code], order=CART, customer="a")
    assert account_of(server, campaign).uses == 1


async def test_a_release_that_is_repeated_at_the_same_moment_gets_the_same_answer(client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_code=1))
    for code in await codes_of(client, campaign, 5):
        session = (await hold(client, code)).session
        request_id = uuid.uuid4().hex
        calls = [client.sessions.release(session.key, request_id=request_id) for _ in range(8)]
        assert await race(calls) == {OK: 8}


async def test_a_release_races_its_redemption_and_one_of_them_happens(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_code=1, per_campaign=10, discount_budget=10 * OFF))
    uses = 0
    for code in await codes_of(client, campaign, 10):
        key = (await hold(client, code)).session.key
        released, redeemed = await asyncio.gather(
            race([client.sessions.release(key)]), race([client.redeem(codes=[code], order=CART, session_key=key)])
        )
        assert (released + redeemed) == {OK: 1, "SESSION_NOT_FOUND": 1}
        uses += redeemed[OK]
    assert account_of(server, campaign).uses == uses


async def test_a_hold_is_confirmed_once_by_many_at_once(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=1))
    [code] = await codes_of(client, campaign)
    key = (await hold(client, code)).session.key
    endings = await race(client.redeem(codes=[code], order=CART, session_key=key) for _ in range(12))
    assert endings[OK] == 1
    assert account_of(server, campaign).uses == 1


async def test_what_a_hold_holds_beyond_its_redemption_is_given_back(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=3, discount_budget=3 * OFF))
    codes = await codes_of(client, campaign, 4)
    key = (await hold(client, *codes[:3])).session.key
    await client.redeem(codes=codes[:1], order=CART, session_key=key)
    endings = await race(client.redeem(codes=[code], order=CART) for code in codes[1:])
    assert endings[OK] == 2
    assert account_of(server, campaign).uses == 3


async def test_an_order_that_grew_takes_what_it_lacks_on_top_of_what_it_held(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(discount_budget=30_00), discount=amount_off(20_00))
    codes = await codes_of(client, campaign, 2)
    small, large = [order("GBP", [item("mug", price=price)]) for price in (10_00, 20_00)]
    keys = [(await client.validate(codes=[code], order=small, session=LONG)).session.key for code in codes]
    redeem = [client.redeem(codes=[code], order=large, session_key=key) for code, key in zip(codes, keys, strict=True)]
    assert await race(redeem) == {OK: 1, "BUDGET_EXHAUSTED": 1}
    for code, key in zip(codes, keys, strict=True):
        await race([client.redeem(codes=[code], order=small, session_key=key)])
    assert account_of(server, campaign).discount == 30_00


async def test_a_budget_held_for_two_codes_can_all_be_spent_on_one(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(discount_budget=20_00), discount=amount_off(10_00))
    codes = await codes_of(client, campaign, 2)
    key = (await hold(client, *codes)).session.key
    bigger = await client.campaigns.update(
        Campaign(id=campaign.id, discount=amount_off(15_00)),
        ["discount"],
    )
    await client.redeem(codes=codes[:1], order=CART, session_key=key)
    assert account_of(server, bigger).discount == 15_00


async def test_a_session_key_is_in_use_in_every_campaign(server: ServerProcess, client: PromoClient) -> None:
    first, second = [await new_campaign(client, Limits(per_campaign=2)) for _ in range(2)]
    [[a], [b]] = [await codes_of(client, campaign) for campaign in (first, second)]
    wanted = SessionRequest(key=f"basket-{uuid.uuid4().hex}")
    wanted.ttl.FromTimedelta(LONG)
    request_id = uuid.uuid4().hex
    held = await client.validate(codes=[a], order=CART, session=wanted, request_id=request_id)
    for code in (a, b):
        with pytest.raises(exceptions.SessionKeyInUse):
            await client.validate(codes=[code], order=CART, session=wanted)
    assert await client.validate(codes=[a], order=CART, session=wanted, request_id=request_id) == held
    await client.redeem(codes=[a], order=CART, session_key=wanted.key)
    assert (await client.validate(codes=[b], order=CART, session=wanted)).valid
    await client.redeem(codes=[b], order=CART, session_key=wanted.key)
    assert (account_of(server, first).uses, account_of(server, second).uses) == (1, 1)


async def test_holds_under_one_key_that_began_at_the_same_moment_are_all_their_owners(
    server: ServerProcess, client: PromoClient
) -> None:
    campaigns = [await new_campaign(client, Limits(per_campaign=1)) for _ in range(4)]
    codes = [(await codes_of(client, campaign))[0] for campaign in campaigns]
    wanted = SessionRequest(key=f"basket-{uuid.uuid4().hex}")
    wanted.ttl.FromTimedelta(LONG)
    endings = await race(client.validate(codes=[code], order=CART, session=wanted) for code in codes)
    assert endings[OK] >= 1
    assert endings[OK] + endings["SESSION_KEY_IN_USE"] == 4
    await client.sessions.release(wanted.key)
    assert await race(client.redeem(codes=[code], order=CART) for code in codes) == {OK: 4}
    assert [account_of(server, campaign).uses for campaign in campaigns] == [1] * 4


async def test_a_repeated_hold_is_the_first_one(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=1))
    [code] = await codes_of(client, campaign)
    request_id = uuid.uuid4().hex
    calls = [client.validate(codes=[code], order=CART, session=LONG, request_id=request_id) for _ in range(10)]
    answers = await asyncio.gather(*calls)
    assert all(answer == answers[0] for answer in answers)
    assert answers[0].valid
    with pytest.raises(exceptions.RequestIdReused):
        await client.validate(codes=[code], order=CART, session=2 * LONG, request_id=request_id)
    await client.redeem(codes=[code], order=CART, session_key=answers[0].session.key)
    assert account_of(server, campaign).uses == 1


async def test_a_hold_takes_only_what_applies(server: ServerProcess, client: PromoClient) -> None:
    full, free = await new_campaign(client, Limits(per_campaign=1)), await new_campaign(client, Limits(per_campaign=1))
    [[a], [b]] = [await codes_of(client, campaign) for campaign in (full, free)]
    await client.redeem(codes=[a], order=CART)
    assert not (await hold(client, a, b)).valid
    assert (await client.validate(codes=[b], order=CART)).valid
    partly = await client.validate(codes=[a, b], order=CART, mode="partial", session=LONG)
    assert list(partly.session.codes) == [b]
    await client.redeem(codes=[b], order=CART, session_key=partly.session.key)
    assert (account_of(server, full).uses, account_of(server, free).uses) == (1, 1)
