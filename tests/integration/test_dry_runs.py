"""What only checks ends as the call itself would, also where a request id was used, and changes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from support.shop import CART, OFF, OK, codes_of, ending, new_campaign

from promo.client import Customer, Limits, PromoClient, exceptions

pytestmark = pytest.mark.asyncio

Change = Callable[..., Awaitable[Any]]
"""A change that takes `request_id` and `validate_only`."""


async def changes(client: PromoClient) -> dict[str, tuple[Change, Change]]:
    """Return each change that the data plane makes, and another one whose request id is kept in the same place."""
    # Request ids are kept where the campaign or the customer is, so both changes are of one.
    campaign = await new_campaign(client, Limits(per_code=1))
    codes = await codes_of(client, campaign, 12)
    used = [await client.redeem(codes=[code], order=CART) for code in codes[:2]]
    both = await client.redeem(codes=codes[2:4], order=CART)
    person = uuid.uuid4().hex
    held = (await client.validate(codes=[codes[4]], order=CART, session=timedelta(minutes=5))).session.key
    vouchers = client.vouchers
    return {
        "redeem": (
            lambda **how: client.redeem(codes=[codes[5]], order=CART, **how),
            lambda **how: client.redeem(codes=[codes[6]], order=CART, **how),
        ),
        "confirm": (
            lambda **how: client.redeem(codes=[codes[4]], order=CART, session_key=held, **how),
            lambda **how: client.redeem(codes=[codes[6]], order=CART, **how),
        ),
        "rollback": (
            lambda **how: client.rollback(used[0].id, **how),
            lambda **how: client.rollback(used[1].id, **how),
        ),
        "rollback of a part": (
            lambda **how: client.rollback(both.id, redeemable_redemption_ids=[both.results[0].redemption_id], **how),
            lambda **how: client.rollback(both.id, redeemable_redemption_ids=[both.results[1].redemption_id], **how),
        ),
        "publish": (
            lambda **how: client.publish(campaign=campaign.name, customer="a", **how),
            lambda **how: client.publish(campaign=campaign.name, customer="b", **how),
        ),
        "upsert": (
            lambda **how: client.customers.upsert(Customer(source_id=person, name="Ann"), **how),
            lambda **how: client.customers.upsert(Customer(source_id=person, name="Bea"), **how),
        ),
        "disable": (
            lambda **how: vouchers.disable(codes[7], **how),
            lambda **how: vouchers.disable(codes[8], **how),
        ),
        "enable": (
            lambda **how: vouchers.enable(codes[7], **how),
            lambda **how: vouchers.enable(codes[8], **how),
        ),
        "delete": (
            lambda **how: vouchers.delete(codes[9], **how),
            lambda **how: vouchers.delete(codes[10], **how),
        ),
    }


async def test_a_change_that_is_only_checked_ends_as_the_change_would(client: PromoClient) -> None:
    for name, (change, other) in (await changes(client)).items():
        request_id = uuid.uuid4().hex
        # Nothing was used: it would succeed, and leaves the id to whoever comes.
        assert await ending(change(request_id=request_id, validate_only=True)) == OK, name
        assert await ending(other(request_id=request_id, validate_only=True)) == OK, name
        done = await change(request_id=request_id)
        assert await change(request_id=request_id, validate_only=True) == done, name
        assert await change(request_id=request_id) == done, name
        for validate_only in (True, False):
            assert await ending(other(request_id=request_id, validate_only=validate_only)) == "REQUEST_ID_REUSED", name


async def test_an_erasure_that_is_only_checked_ends_as_the_erasure_would(client: PromoClient) -> None:
    """A request id is kept in the one of 64 places that the customer tells: of a thousand some share one."""
    request_id = uuid.uuid4().hex
    await client.customers.erase("first", request_id=request_id)
    assert await ending(client.customers.erase("first", request_id=request_id, validate_only=True)) == OK
    for number in range(1_000):
        erase = client.customers.erase
        checked = await ending(erase(f"other-{number}", request_id=request_id, validate_only=True))
        if checked != OK:
            assert checked == await ending(erase(f"other-{number}", request_id=request_id)) == "REQUEST_ID_REUSED"
            return
    raise AssertionError("no customer shares a place with the first")


async def test_a_publication_that_is_only_checked_finds_the_earlier_one(client: PromoClient) -> None:
    campaign = await new_campaign(client, code_count=2)

    def publish(customer: str, **fields: Any) -> Awaitable[Any]:
        return client.publish(campaign=campaign.name, customer=customer, **fields)

    by_source = await publish("a", source_id="mail-1")
    joined = await publish("b")
    for validate_only in (True, False):
        assert await ending(publish("c", validate_only=validate_only)) == "CODES_EXHAUSTED"
        assert await publish("a", source_id="mail-1", validate_only=validate_only) == by_source
        assert await publish("b", join_once=True, validate_only=validate_only) == joined
        with pytest.raises(exceptions.PublicationMismatch):
            await publish("a", source_id="mail-1", count=2, validate_only=validate_only)


async def test_what_only_checks_takes_nothing(client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=1, discount_budget=OFF))
    [code] = await codes_of(client, campaign)
    for _ in range(3):
        assert await ending(client.redeem(codes=[code], order=CART, request_id="r", validate_only=True)) == OK
    assert await ending(client.redeem(codes=[code], order=CART)) == OK
