"""A store that lost its data, as an empty replica that takes over: not the callers' fault, and nothing begins anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis
from support.data_plane import data_plane
from support.outage import DEADLINE, impatient, until_answered, until_served
from support.server_process import ServerProcess
from support.shop import CART, OK, codes_of, ending, new_campaign, race
from support.trimming import until_archived
from support.truth import PARTITIONS, account_of, store_of

from promo.client import Customer, Limits, PromoClient
from promo.v1.redemption_pb2 import RedemptionState
from promo_server.store import keys

pytestmark = pytest.mark.asyncio

LIMITS = Limits(per_code=5, per_campaign=40)


def everything(store: Redis) -> dict[bytes, bytes]:
    return {key: store.dump(key) for key in store.scan_iter(count=1_000)}


def ledgers(store: Redis, project: str) -> int:
    return sum(int(store.exists(keys.ledger(project, partition))) for partition in range(PARTITIONS))


async def test_a_store_that_was_emptied_is_unavailable_until_it_has_its_data_again(
    own_server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, LIMITS)
    [code] = await codes_of(client, campaign)
    redeemed = await client.redeem(codes=[code], order=CART, customer="a")
    unused = await client.access.create_key(["checkout"])
    await until_archived(own_server)
    project = str(own_server.ready["project_id"])
    async with (
        impatient(own_server.target) as hasty,
        impatient(own_server.target, key=f"{unused.id}:{unused.token}") as stranger,
    ):
        with store_of(own_server) as store:
            saved = everything(store)
            store.flushall()
            # Before anybody has noticed, and after.
            for _ in range(2):
                writes = [
                    hasty.redeem(codes=[code], order=CART, customer="a"),
                    hasty.rollback(redeemed.id),
                    hasty.customers.upsert(Customer(source_id="a", name="Ann")),
                    hasty.publish(campaign=campaign.name, customer="a"),
                    hasty.validate(codes=[code], order=CART),
                ]
                assert set(await race(writes)) == {"STORE_UNAVAILABLE"}
                assert ledgers(store, project) == 0
                await until_answered(hasty, code, "STORE_UNAVAILABLE")
            assert await ending(hasty.vouchers.get(code)) == "STORE_UNAVAILABLE"
            # Nobody is locked out for a key that was right.
            assert set(await race(stranger.validate(codes=[code], order=CART) for _ in range(200))) == {
                "STORE_UNAVAILABLE"
            }
            for key, value in saved.items():
                store.restore(key, 0, value, replace=True)
        await until_served(hasty, code)
        await until_served(stranger, code)
        assert await ending(hasty.rollback(redeemed.id)) == OK
    assert account_of(own_server, campaign).uses == 0


async def test_a_redemption_that_only_the_archive_has_is_found_and_rolled_back(
    own_server: ServerProcess, client: PromoClient
) -> None:
    """As after a failover to a replica that lacked the last writes."""
    campaign = await new_campaign(client, LIMITS)
    [code] = await codes_of(client, campaign)
    await client.redeem(codes=[code], order=CART, customer="a")
    lost = await client.redeem(codes=[code], order=CART, customer="a")
    await until_archived(own_server)
    project = str(own_server.ready["project_id"])
    with store_of(own_server) as store:
        for partition in range(PARTITIONS):
            for entry, _ in store.xrevrange(keys.ledger(project, partition), count=1):
                store.xdel(keys.ledger(project, partition), entry)
    assert await client.redemptions.get(lost.id) == lost
    assert await ending(client.rollback(lost.id)) == OK
    assert (await client.redemptions.get(lost.id)).state == RedemptionState.REDEMPTION_STATE_ROLLED_BACK


@pytest.mark.extended
async def test_a_redemption_that_cannot_be_is_not_asked_for_in_the_archive(
    own_server: ServerProcess, client: PromoClient, tmp_path: Path
) -> None:
    campaign = await new_campaign(client, LIMITS)
    [code] = await codes_of(client, campaign)
    async with data_plane(own_server, tmp_path / "nobody", timeout=DEADLINE) as alone:
        await until_served(alone, code)
        # Long ago, in a year to come, and in a partition that the project does not have.
        for id_, how in {
            "r_0f019353d9d40000": "CONTROL_PLANE_UNAVAILABLE",
            "r_0fffffffffff0000": "REDEMPTION_NOT_FOUND",
            "r_ff019353d9d40000": "REDEMPTION_NOT_FOUND",
        }.items():
            assert await ending(alone.redemptions.get(id_)) == how
            assert await ending(alone.rollback(id_)) == how
