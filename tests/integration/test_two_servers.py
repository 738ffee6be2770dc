"""Two servers on one store and one PostgreSQL: started at once, and asked for the same things at once."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.postgresql import PostgresServer
from support.server_process import KEY, ServerProcess
from support.shop import CART, OK, codes_of, ending, new_campaign, race

from promo.client import Campaign, Customer, Limits, PromoClient, percent_off
from promo_server.embedded import EmbeddedStore

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]


@pytest.fixture
def servers(
    new_server: Callable[..., ServerProcess], embedded_store: EmbeddedStore, postgresql: PostgresServer
) -> Iterator[list[ServerProcess]]:
    """Yield two servers that were started at the same time on an empty database."""
    with postgresql.database() as url, ThreadPoolExecutor(2) as starters:
        environment = {
            "PROMO_SQL__URL": url,
            "PROMO_STORE__URL": embedded_store.url,
            "PROMO_CODES__MASTER_SECRET": "07" * 32,
        }
        yield list(starters.map(lambda _: new_server(**environment), range(2)))


async def test_each_request_is_done_once_wherever_it_is_sent(servers: list[ServerProcess]) -> None:
    assert servers[0].ready["project_id"] == servers[1].ready["project_id"]
    async with (
        PromoClient.connect(servers[0].target, key=KEY, timeout=30.0) as one,
        PromoClient.connect(servers[1].target, key=KEY, timeout=30.0) as other,
    ):
        wanted = Campaign(
            name="once", currency_code="GBP", discount=percent_off(20), code_count=500, limits=Limits(per_campaign=40)
        )
        made = await asyncio.gather(
            *(client.campaigns.create(wanted, request_id="r1") for _ in range(10) for client in (one, other))
        )
        assert {campaign.id for campaign in made} == {made[0].id}
        names = [f"c{number}" for number in range(8)]
        endings = await race(new_campaign(client, name=name) for name in names for client in (one, other))
        assert endings == {OK: 8, "CAMPAIGN_ALREADY_EXISTS": 8}
        assert {found.name async for found in other.campaigns.list()} == {"once", *names}
        # What one has made is served by the other at once, within one limit.
        codes = await codes_of(other, made[0], 60)
        used = await race(client.redeem(codes=[code], order=CART) for code in codes for client in (one, other))
        assert used == {OK: 40, "CAMPAIGN_LIMIT_REACHED": 80}
        disabled = await one.campaigns.disable("once", request_id="off")
        assert await other.campaigns.disable("once", request_id="off") == disabled
        assert await ending(other.redeem(codes=codes[:1], order=CART)) == "CAMPAIGN_DISABLED"
        # An import that goes on at the other, and one that both abort.
        filled = await new_campaign(one, Limits(per_code=1), code_count=0)
        begun = await one.imports.start(filled.name, source="old.csv")
        await one.imports.append(begun.id, 0, [f"A-{number}" for number in range(3_000)])
        await other.imports.append(begun.id, 3_000, [f"B-{number}" for number in range(3_000)])
        assert (await other.imports.finish(begun.id)).accepted_count == 6_000
        assert await race(one.redeem(codes=[code], order=CART) for code in ("A-0", "A-2999", "B-0", "B-2999")) == {
            OK: 4
        }
        again = await one.imports.start(filled.name, source="more.csv")
        await one.imports.append(again.id, 0, [f"C-{number}" for number in range(3_000)])
        assert await race(client.imports.abort(again.id) for client in (one, other)) == {OK: 2}
        assert await ending(other.redeem(codes=["C-0"], order=CART)) == "CODE_NOT_FOUND"
        # Both archive; each thing is there once, and a person is erased for both.
        somebody = Customer(source_id=uuid.uuid4().hex, name="Ada", email="ada@example.com")
        fresh = await new_campaign(other)
        [code] = await codes_of(one, fresh)
        await other.redeem(codes=[code], order=CART, customer=somebody)
        await one.customers.erase(somebody.source_id)
        assert await ending(other.customers.get(somebody.source_id)) == "CUSTOMER_NOT_FOUND"
        listed = Counter([found.id async for found in other.redemptions.list(require_fresh=True)])
        assert len(listed) == 40 + 4 + 1
        assert set(listed.values()) == {1}
    for server in servers:
        assert "Traceback" not in server.log.read_text()
