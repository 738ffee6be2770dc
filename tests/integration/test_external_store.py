"""A server on a store that is not its own: it supervises none, and what counts is the store's."""

from __future__ import annotations

from collections.abc import Callable

import psutil
import pytest
from support.cli import document
from support.server_process import KEY, ServerProcess
from support.shop import CART, OFF, OK, codes_of, new_campaign, race
from support.store_nodes import StoreNode, free_port
from support.truth import account_of

from promo.client import Limits, PromoClient
from promo_server.cli.checks.store import check_store
from promo_server.settings import Settings, StoreSettings
from promo_server.state import StateDir

pytestmark = pytest.mark.asyncio


async def test_a_store_by_url_is_used_left_alone_and_keeps_what_counts(
    new_server: Callable[..., ServerProcess], store_node: StoreNode
) -> None:
    server = new_server(PROMO_STORE__URL=store_node.url)
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        campaign = await new_campaign(client, Limits(per_campaign=40, discount_budget=40 * OFF))
        codes = await codes_of(client, campaign, 60)
        endings = await race(client.redeem(codes=[code], order=CART) for code in codes for _ in range(2))
        assert endings == {OK: 40, "CAMPAIGN_LIMIT_REACHED": 80}
        assert document(server, "ledger", "verify")["agrees"]
    assert '"store.started"' not in server.log.read_text()
    assert not StateDir(server.state_dir).store_socket.exists()
    everybody = psutil.Process(server.process.pid).children(recursive=True)
    assert not [one.name() for one in everybody if one.name().startswith(("valkey", "redis"))]
    # Both go, one after the other, and come back.
    assert server.stop() == 0
    assert psutil.pid_exists(store_node.pid), "the server stopped a store that is not its own"
    store_node.stop()
    store_node.start()
    server.start()
    assert account_of(server, campaign).uses == 40
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        await client.rollback(account_of(server, campaign).redemptions.pop())
        assert await race(client.redeem(codes=[code], order=CART) for code in codes[:5]) == {
            OK: 1,
            "CAMPAIGN_LIMIT_REACHED": 4,
        }


async def test_a_page_takes_two_bits_a_code_when_half_are_used_whatever_the_allocator(
    new_server: Callable[..., ServerProcess], store_node: StoreNode
) -> None:
    server = new_server(PROMO_STORE__URL=store_node.url)
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        [code] = await codes_of(client, await new_campaign(client, Limits(per_code=1), code_count=10_000_000))
        await client.redeem(codes=[code], order=CART)
    with store_node.client() as store:
        pages = list(store.scan_iter("*}p:*"))
        assert [store.bitcount(page) for page in pages] == [1]
        half_of_them = store.strlen(pages[0]) * 8 // 2
        assert half_of_them > 2_000_000
        assert 2.0 <= store.memory_usage(pages[0]) * 8 / half_of_them < 2.001


async def test_a_user_of_the_store_who_may_not_ask_whether_it_is_the_primary_is_served(
    new_server: Callable[..., ServerProcess], store_node: StoreNode
) -> None:
    with store_node.client() as admin:
        rights = {"keys": ["*"], "channels": ["*"], "commands": ["+@all", "-role"]}
        admin.acl_setuser("shop", enabled=True, passwords=["+secret"], **rights)
    server = new_server(PROMO_STORE__URL=f"redis://shop:secret@127.0.0.1:{store_node.port}/0")
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        [code] = await codes_of(client, await new_campaign(client))
        assert await race([client.redeem(codes=[code], order=CART)]) == {OK: 1}
    assert document(server, "ledger", "verify")["agrees"]
    settings = Settings(store=StoreSettings(url=server.environment["PROMO_STORE__URL"]))
    told = {one.check: (one.severity, one.next_step) for one in await check_store(settings)}
    assert told == {"store": ("ok", ""), "store failover": ("note", "ACL SETUSER ... +role")}


async def test_doctor_tells_what_is_wrong_with_a_store(store_node: StoreNode) -> None:
    settings = Settings(store=StoreSettings(url=store_node.url))

    async def told() -> dict[str, tuple[str, str]]:
        return {one.check: (one.severity, one.next_step) for one in await check_store(settings)}

    assert await told() == {"store": ("ok", "")}
    with store_node.client() as client:
        client.config_set("appendonly", "no")
        client.config_set("maxmemory-policy", "allkeys-lru")
        assert await told() == {
            "store": ("ok", ""),
            "store durability": ("note", "CONFIG SET appendonly yes"),
            "store memory": ("failed", "CONFIG SET maxmemory-policy noeviction"),
        }
        client.replicaof("127.0.0.1", free_port())
    assert await told() == {"store": ("failed", "let PROMO_STORE__URL lead to the primary")}
    store_node.kill()
    assert await told() == {"store": ("failed", "start it, or correct PROMO_STORE__URL")}
