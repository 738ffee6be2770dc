"""Entries that only the archive has: they are read, repeated and rolled back as if the store still had them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.data_plane import data_plane
from support.server_process import ServerProcess
from support.shop import CART, OFF, OK, codes_of, ending, new_campaign, race
from support.trimming import forget_ledger
from support.truth import account_of

from promo.client import Limits, PromoClient, exceptions
from promo.v1.redemption_pb2 import RedemptionState
from promo_server.state import StateDir

pytestmark = pytest.mark.asyncio

LIMITS = Limits(per_code=1, per_customer=40, per_campaign=40, discount_budget=40 * OFF)
NEVER_MADE = "r_0000000000000000"
"""Older than anything that any ledger has."""


async def test_a_trimmed_redemption_is_found_as_it_was_and_rolled_back_once(
    own_server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, LIMITS)
    [code] = await codes_of(client, campaign)
    redeemed = await client.redeem(codes=[code], order=CART, customer="a")
    assert account_of(own_server, campaign).uses == 1
    assert await forget_ledger(own_server)
    assert await client.redemptions.get(redeemed.id) == redeemed
    preview = await client.rollback(redeemed.id, validate_only=True)
    assert preview.returned_discount_amount == OFF
    endings = await race(client.rollback(redeemed.id) for _ in range(8))
    assert endings == {OK: 1, "ALREADY_ROLLED_BACK": 7}
    account = account_of(own_server, campaign)
    assert (account.uses, account.discount) == (0, 0)
    # Of what came after the trimming the archive tells as well.
    await forget_ledger(own_server)
    found = await client.redemptions.get(redeemed.id)
    assert found.state == RedemptionState.REDEMPTION_STATE_ROLLED_BACK
    assert await ending(client.rollback(redeemed.id)) == "ALREADY_ROLLED_BACK"
    assert (await client.redeem(codes=[code], order=CART, customer="a")).id != redeemed.id


@pytest.mark.extended
async def test_redeemables_of_a_trimmed_stack_are_rolled_back_one_by_one(
    own_server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, LIMITS)
    redeemed = await client.redeem(codes=await codes_of(client, campaign, 3), order=CART, customer="a")
    parts = [result.redemption_id for result in redeemed.results]
    await client.rollback(redeemed.id, redeemable_redemption_ids=parts[:1])
    account_of(own_server, campaign)
    await forget_ledger(own_server)
    found = await client.redemptions.get(redeemed.id)
    assert found.state == RedemptionState.REDEMPTION_STATE_PARTIALLY_ROLLED_BACK
    assert list(found.rolled_back_ids) == parts[:1]
    again = client.rollback(redeemed.id, redeemable_redemption_ids=parts[:2])
    assert await ending(again) == "ALREADY_ROLLED_BACK"
    rest = await client.rollback(redeemed.id)
    assert list(rest.rolled_back_ids) == parts[1:]
    assert rest.redemption_state == RedemptionState.REDEMPTION_STATE_ROLLED_BACK
    assert account_of(own_server, campaign).uses == 0


async def test_repeats_of_trimmed_calls_get_the_first_answer(own_server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, LIMITS)
    publish = {"campaign": campaign.name, "customer": "a", "count": 3, "request_id": "p-1"}
    published = await client.publish(**publish)
    redeem = {"codes": list(published.codes), "order": CART, "customer": "a", "request_id": "r-1"}
    redeemed = await client.redeem(**redeem)
    rolled_back = await client.rollback(redeemed.id, request_id="b-1")
    assert await forget_ledger(own_server) == 3
    assert await client.publish(**publish) == published
    assert await client.redeem(**redeem) == redeemed
    assert await client.rollback(redeemed.id, request_id="b-1") == rolled_back
    assert await client.publications.get(published.id) == published
    assert await forget_ledger(own_server) == 0
    with pytest.raises(exceptions.RequestIdReused):
        await client.publish(**{**publish, "count": 2})


@pytest.mark.extended
async def test_a_redemption_that_never_was_is_not_found_after_trimming(
    own_server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, LIMITS)
    redeemed = await client.redeem(codes=await codes_of(client, campaign), order=CART, customer="a")
    await forget_ledger(own_server)
    younger = f"{redeemed.id[:-1]}{(int(redeemed.id[-1], 16) + 1) % 16:x}"
    for unknown in (NEVER_MADE, younger):
        assert await ending(client.redemptions.get(unknown)) == "REDEMPTION_NOT_FOUND"
        assert await ending(client.rollback(unknown)) == "REDEMPTION_NOT_FOUND"


async def test_without_the_control_plane_only_trimmed_entries_are_unavailable(
    own_server: ServerProcess, client: PromoClient, tmp_path: Path
) -> None:
    campaign = await new_campaign(client, LIMITS)
    codes = await codes_of(client, campaign, 3)
    first = {"codes": codes[:1], "order": CART, "customer": "a", "request_id": "r-1"}
    trimmed = await client.redeem(**first)
    await forget_ledger(own_server)
    kept = await client.redeem(codes=codes[1:2], order=CART, customer="a")
    async with data_plane(own_server, tmp_path / "nobody", timeout=4.0) as alone:
        unavailable = await race([alone.redemptions.get(trimmed.id), alone.rollback(trimmed.id), alone.redeem(**first)])
        assert unavailable == {"CONTROL_PLANE_UNAVAILABLE": 3}
        assert await alone.redemptions.get(kept.id) == kept
        younger = f"{kept.id[:2]}{kept.id[2:4]}fffffffffff000"
        assert await ending(alone.redemptions.get(younger)) == "REDEMPTION_NOT_FOUND"
        await alone.rollback(kept.id)
        await alone.redeem(codes=codes[2:], order=CART, customer="a")
    # Nothing of it was done by halves.
    socket = StateDir(own_server.state_dir).control_socket
    async with data_plane(own_server, socket) as again:
        assert await again.redemptions.get(trimmed.id) == trimmed
        assert await again.redeem(**first) == trimmed
        await again.rollback(trimmed.id)
