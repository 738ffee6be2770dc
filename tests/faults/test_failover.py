"""Another node takes over from the store: calls wait for nobody, then go on without a restart, and limits count on."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis.exceptions import ReadOnlyError
from support.cli import document
from support.outage import impatient, refusals_of, until_answered, until_served
from support.server_process import KEY, ServerProcess
from support.shop import CART, OFF, OK, codes_of, ending, new_campaign, race
from support.store_nodes import StoreNode, free_port, until
from support.trimming import until_archived
from support.truth import account_of, store_of
from support.witness import Witness

from promo.client import Limits, PromoClient
from promo_server.domain.errors import DomainError
from promo_server.store.client import connect, send_packed

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]

LIMIT = 1_000


@pytest.fixture
def replica(store_program: Path, store_node: StoreNode, tmp_path: Path) -> Iterator[StoreNode]:
    """Yield a replica of the node, which knows of each write a moment later."""
    with closing(StoreNode(tmp_path / "replica", store_program)) as node:
        node.start()
        node.follow(store_node)
        yield node


def promote(replica: StoreNode, *, with_functions: bool = True) -> None:
    """Make the replica a primary, before anybody is led to it."""
    with replica.client() as client:
        client.replicaof("NO", "ONE")
        if not with_functions:
            client.function_flush()


def libraries(server: ServerProcess) -> list[str]:
    with store_of(server) as store:
        # Pairs of names and values, or a mapping, as the protocol has it.
        return [str(one) for one in store.function_list("promo_*")]


@pytest.mark.parametrize("with_functions", [True, pytest.param(False, marks=pytest.mark.extended)])
async def test_a_replica_takes_over_under_load_and_nothing_that_it_had_is_lost_or_counted_twice(
    new_server: Callable[..., ServerProcess], store_node: StoreNode, replica: StoreNode, *, with_functions: bool
) -> None:
    primary, port = store_node, store_node.port
    server = new_server(PROMO_STORE__URL=primary.url)
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client, impatient(server.target) as hasty:
        limits = Limits(per_campaign=LIMIT, per_customer=LIMIT // 2, per_day=10 * LIMIT, discount_budget=LIMIT * OFF)
        campaign = await new_campaign(client, limits, code_count=100_000)
        witness = Witness(server, campaign, await codes_of(client, campaign, 200))
        shopping = asyncio.create_task(witness.shop(8))
        await asyncio.sleep(random.uniform(0.5, 1.0))
        with primary.client() as of_primary:
            # What was acknowledged until here is on its way to the replica; nothing more is acknowledged.
            of_primary.client_pause(60_000, all=False)
        replica.wait_for(primary)
        primary.kill()
        assert await refusals_of(hasty, campaign, witness.codes[0]) == {"STORE_UNAVAILABLE"}
        promote(replica, with_functions=with_functions)
        replica.take_port(port)
        await until_served(hasty, witness.codes[0])
        before = len(witness.redeemed)
        async with asyncio.timeout(30):
            while len(witness.redeemed) < before + 20 and not witness.refused["CAMPAIGN_LIMIT_REACHED"]:
                await asyncio.sleep(0.02)
        witness.stop()
        await shopping
        assert witness.unsure, "nobody noticed that the store was away"
        await witness.check()
        assert len(libraries(server)) == 1
        # The limit goes on from where the primary was, and can be used up.
        left = LIMIT - account_of(server, campaign).uses
        endings = await race(
            client.redeem(codes=[witness.codes[n % 200]], order=CART, customer=f"late-{n}") for n in range(left + 50)
        )
        assert endings == Counter({OK: left, "CAMPAIGN_LIMIT_REACHED": 50})
        # Definitions get there, too.
        [code] = await codes_of(client, await new_campaign(client))
        assert await race([client.redeem(codes=[code], order=CART)]) == {OK: 1}
    await until_archived(server)
    assert document(server, "ledger", "verify")["agrees"]


async def test_a_primary_that_has_become_a_replica_is_left_by_every_part_of_the_server(
    new_server: Callable[..., ServerProcess], store_node: StoreNode, replica: StoreNode
) -> None:
    """As in a planned failover: connections to the old primary stay open, and it refuses to write."""
    port = store_node.port
    server = new_server(PROMO_STORE__URL=store_node.url)
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client, impatient(server.target) as hasty:
        campaign = await new_campaign(client, Limits(per_campaign=40))
        codes = await codes_of(client, campaign, 60)
        assert await race(client.redeem(codes=[code], order=CART) for code in codes[:20]) == {OK: 20}
        # Several connections of the control plane, so that each may be the one that is used next.
        await asyncio.gather(*(new_campaign(client) for _ in range(8)))
        with store_node.client() as of_primary, replica.client() as of_replica:
            of_primary.execute_command("FAILOVER", "TO", "127.0.0.1", replica.port)
            until(lambda: of_replica.info("replication")["role"] == "master")
            until(lambda: of_primary.info("replication")["role"] == "slave")
        refused = await race(
            [
                hasty.redeem(codes=[codes[20]], order=CART),
                hasty.publish(campaign=campaign.name, customer="a"),
                new_campaign(hasty),
            ]
        )
        assert refused == {"STORE_UNAVAILABLE": 3}
        store_node.take_port(free_port())
        replica.take_port(port)
        await until_served(hasty, codes[0])
        endings = await race(client.redeem(codes=[code], order=CART) for code in codes)
        assert endings == {OK: 20, "CAMPAIGN_LIMIT_REACHED": 40}
        others = await asyncio.gather(*(new_campaign(client) for _ in range(20)))
        used = [client.redeem(codes=await codes_of(client, one), order=CART) for one in others]
        assert await race(used) == {OK: 20}
    assert account_of(server, campaign).uses == 40
    await until_archived(server)
    assert document(server, "ledger", "verify")["agrees"]


async def test_a_primary_that_was_cut_off_is_left_by_every_connection_though_nobody_calls(
    new_server: Callable[..., ServerProcess], store_node: StoreNode, replica: StoreNode
) -> None:
    """It would go on answering what only reads, with what was true then."""
    port = store_node.port
    server = new_server(PROMO_STORE__URL=store_node.url)
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        campaign, *_ = await asyncio.gather(*(new_campaign(client) for _ in range(8)))
        [code] = await codes_of(client, campaign)
        await until_archived(server)
        replica.wait_for(store_node)
        promote(replica)
        with store_node.client() as of_old:
            of_old.replicaof("127.0.0.1", free_port())
            store_node.take_port(free_port())
            replica.take_port(port)
            until(lambda: [one["cmd"] for one in of_old.client_list()] == ["client|list"])
        await until_served(client, code)
        assert await ending(client.redeem(codes=[code], order=CART)) == OK
        await client.campaigns.disable(campaign.id)
        assert await ending(client.redeem(codes=[code], order=CART)) == "CAMPAIGN_DISABLED"
    await until_archived(server)
    assert document(server, "ledger", "verify")["agrees"]


async def test_a_store_that_became_a_replica_where_it_is_answers_nobody_until_it_is_the_primary_again(
    new_server: Callable[..., ServerProcess], store_node: StoreNode, replica: StoreNode
) -> None:
    server = new_server(PROMO_STORE__URL=store_node.url)
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client, impatient(server.target) as hasty:
        campaign = await new_campaign(client)
        [code] = await codes_of(client, campaign)
        replica.wait_for(store_node)
        promote(replica)
        with store_node.client() as of_node:
            store_node.follow(replica)
            # The first to notice may be one that only looks.
            await until_answered(hasty, code, "STORE_UNAVAILABLE")
            assert await refusals_of(hasty, campaign, code) == {"STORE_UNAVAILABLE"}
            with pytest.raises(ReadOnlyError):
                async with connect(store_node.url) as stranger:
                    await stranger.get("k")
            of_node.replicaof("NO", "ONE")
        await until_served(hasty, code)
        assert await ending(client.redeem(codes=[code], order=CART)) == OK
    await until_archived(server)
    assert document(server, "ledger", "verify")["agrees"]
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("packed", [False, True])
async def test_no_connection_of_a_pool_stays_with_a_server_that_has_become_a_replica(
    store_node: StoreNode, replica: StoreNode, monkeypatch: pytest.MonkeyPatch, *, packed: bool
) -> None:
    # It is the write that notices, however slow the machine.
    monkeypatch.setattr("promo_server.store.client._LOOK_SECONDS", 3_600.0)
    client, port, at_once = connect(store_node.url), store_node.port, 8
    try:
        await asyncio.gather(*(client.get("k") for _ in range(at_once)))
        promote(replica)
        with store_node.client() as of_old, replica.client() as of_new:
            # It was a connection of its own for each of those.
            assert len(of_old.client_list()) > at_once
            of_old.replicaof("127.0.0.1", port)
            of_new.set("k", "new")
        store_node.take_port(free_port())
        replica.take_port(port)
        if packed:
            command = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\nlost\r\n"
            with pytest.raises(DomainError):
                await send_packed(client, command, 1)
        else:
            with pytest.raises(ReadOnlyError):
                await client.set("k", "lost")
        assert await asyncio.gather(*(client.get("k") for _ in range(at_once))) == [b"new"] * at_once
        assert all(await asyncio.gather(*(client.set(f"k{number}", "v") for number in range(at_once))))
    finally:
        await client.aclose()


async def test_a_primary_that_misses_its_replicas_takes_no_writes_until_they_are_there(
    new_server: Callable[..., ServerProcess], store_node: StoreNode, replica: StoreNode
) -> None:
    """With `min-replicas-to-write`, a primary that is cut off does not acknowledge what nobody else will ever have."""
    server = new_server(PROMO_STORE__URL=store_node.url)
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client, impatient(server.target) as hasty:
        campaign = await new_campaign(client, Limits(per_campaign=10))
        [code] = await codes_of(client, campaign)
        request = {"codes": [code], "order": CART, "request_id": "alone-1"}
        with store_node.client() as of_primary:
            of_primary.config_set("min-replicas-to-write", 1)
            assert await ending(client.redeem(codes=[code], order=CART)) == OK
            replica.kill()
            until(lambda: of_primary.info("replication")["connected_slaves"] == 0)
            writes = [hasty.redeem(**request), hasty.publish(campaign=campaign.name, customer="a"), new_campaign(hasty)]
            assert await race(writes) == {"STORE_UNAVAILABLE": 3}
            assert await ending(hasty.validate(codes=[code], order=CART)) == OK
            replica.start()
            replica.follow(store_node)
            until(lambda: of_primary.info("replication")["min_slaves_good_slaves"] == 1)
        assert await ending(hasty.redeem(**request)) == OK
    account = account_of(server, campaign)
    assert (account.uses, account.request_ids["alone-1"]) == (2, 1)


async def test_what_was_defined_is_in_force_again_after_a_failover_to_a_replica_that_lacked_it(
    new_server: Callable[..., ServerProcess], store_node: StoreNode, replica: StoreNode
) -> None:
    port = store_node.port
    server = new_server(PROMO_STORE__URL=store_node.url)
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        disabled = await new_campaign(client)
        [code] = await codes_of(client, disabled)
        [lost] = await codes_of(client, await new_campaign(client, Limits(per_campaign=5)))
        deleted = await new_campaign(client)
        [gone] = await codes_of(client, deleted)
        revoked = await client.access.create_key(["checkout"])
        replica.wait_for(store_node)
        # It hears of nothing more.
        promote(replica)
        await client.campaigns.disable(disabled.id)
        await client.campaigns.delete(deleted.id)
        await client.access.revoke_key(revoked.id)
        created = await new_campaign(client)
        [fresh] = await codes_of(client, created)
        # A use that the store loses and the archive keeps.
        await client.redeem(codes=[lost], order=CART)
        await until_archived(server)
        store_node.kill()
        replica.take_port(port)
        async with impatient(server.target, key=f"{revoked.id}:{revoked.token}") as stranger:
            await until_answered(stranger, fresh, "CREDENTIALS_INVALID")
        assert await ending(client.redeem(codes=[code], order=CART)) == "CAMPAIGN_DISABLED"
        assert await ending(client.redeem(codes=[gone], order=CART)) == "CODE_NOT_FOUND"
        assert await ending(client.redeem(codes=[fresh], order=CART)) == OK
    assert server.log.read_text().count('"store.went_back"') == 1
    verified = document(server, "ledger", "verify", status=1)
    [project] = verified["projects"]
    assert [one["subject"][:2] for one in project["differences"]] == ["n:"], project
