"""A rollback that comes too late is refused, by the age of the redemption, whatever the store still remembers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from support.data_plane import data_plane
from support.server_process import ServerProcess
from support.shop import CART, OFF, OK, codes_of, ending, new_campaign, race
from support.trimming import until_archived
from support.truth import account_of, store_of

from promo.client import Limits, PromoClient, exceptions
from promo.v1.redemption_pb2 import RedemptionState
from promo_server.state import StateDir

pytestmark = pytest.mark.asyncio

LIMITS = Limits(per_code=1, per_campaign=10, discount_budget=10 * OFF)
DAY_MS = 86_400_000


@asynccontextmanager
async def late_engine(server: ServerProcess) -> AsyncIterator[PromoClient]:
    """Yield a client of an engine to which everything is too old at once."""
    async with data_plane(server, StateDir(server.state_dir).control_socket, rollback_ttl_ms=0) as late:
        yield late


@pytest.mark.extended
async def test_a_redemption_that_is_too_old_stays_used(own_server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, LIMITS)
    redeemed = await client.redeem(codes=await codes_of(client, campaign), order=CART)
    async with late_engine(own_server) as late:
        for validate_only in (False, True):
            with pytest.raises(exceptions.RollbackTooLate) as refused:
                await late.rollback(redeemed.id, validate_only=validate_only)
        assert refused.value.metadata == {"redemption": redeemed.id, "days": "0"}
        part = redeemed.results[0].redemption_id
        assert await ending(late.rollback(redeemed.id, redeemable_redemption_ids=[part])) == "ROLLBACK_TOO_LATE"
    assert account_of(own_server, campaign).uses == 1


@pytest.mark.extended
async def test_a_repeat_of_a_rollback_that_was_in_time_gets_its_answer(
    own_server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, LIMITS)
    redeemed = await client.redeem(codes=await codes_of(client, campaign), order=CART)
    rolled_back = await client.rollback(redeemed.id, request_id="b-1")
    async with late_engine(own_server) as late:
        assert await late.rollback(redeemed.id, request_id="b-1") == rolled_back
        endings = await race([late.rollback(redeemed.id), late.rollback(redeemed.id, request_id="b-2")])
        assert endings == {"ROLLBACK_TOO_LATE": 2}
        with pytest.raises(exceptions.RequestIdReused):
            await late.rollback(redeemed.id, reason="other", request_id="b-1")


async def test_a_use_is_never_returned_twice_although_its_mark_is_gone(
    own_server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, LIMITS)
    codes = await codes_of(client, campaign, 2)
    redeemed = await client.redeem(codes=codes[:1], order=CART)
    other = await client.redeem(codes=codes[1:], order=CART)
    await client.rollback(redeemed.id)
    with store_of(own_server) as store:
        [mark] = store.keys("*rb:*")
        kept_for = store.pttl(mark)
        # The mark outlives the time in which its redemption can be rolled back.
        assert 99 * DAY_MS < kept_for <= 100 * DAY_MS
        store.delete(mark)
    async with late_engine(own_server) as late:
        assert await race(late.rollback(redeemed.id) for _ in range(8)) == {"ROLLBACK_TOO_LATE": 8}
        # The archive knows what the store has forgotten.
        await until_archived(own_server)
        found = await late.redemptions.get(redeemed.id)
        assert found.state == RedemptionState.REDEMPTION_STATE_ROLLED_BACK
        assert await late.redemptions.get(other.id) == other
    account = account_of(own_server, campaign)
    assert (account.uses, account.discount) == (1, OFF)
    assert await race([client.redeem(codes=codes[:1], order=CART)]) == {OK: 1}
