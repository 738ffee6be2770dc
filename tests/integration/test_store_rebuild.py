"""A store that was lost is noticed, and rebuilt from the database as far as the page promises."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from support import forks
from support.server_process import KEY, ServerProcess
from support.shop import CART, OFF, OK, codes_of, ending, new_campaign, race

from promo.client import Limits, PromoClient
from promo_server.embedded import EmbeddedStore
from promo_server.store.client import connect

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(240)]

SERVE_SECONDS = 60


def promo(server: ServerProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    return forks.run(forks.PROMO, arguments, server.environment)


def promo_json(server: ServerProcess, *arguments: str) -> Any:
    done = promo(server, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest_asyncio.fixture
async def store(embedded_store: EmbeddedStore) -> Any:
    client = connect(embedded_store.url)
    yield client
    await client.aclose()


@pytest.fixture
def external(new_server: Callable[..., ServerProcess], embedded_store: EmbeddedStore) -> ServerProcess:
    return new_server(PROMO_STORE__URL=embedded_store.url)


def client_of(server: ServerProcess) -> PromoClient:
    return PromoClient.connect(server.target, key=KEY, timeout=30.0)


async def test_a_lost_store_is_refused_and_rebuilt_with_every_use_holder_and_balance(
    external: ServerProcess, store: Redis
) -> None:
    async with client_of(external) as client:
        limited = await new_campaign(
            client,
            Limits(per_code=1, per_customer=2, per_campaign=5, per_month=5, discount_budget=5 * OFF),
            join_once=True,
        )
        many = await new_campaign(client, Limits(per_code=3))
        codes = await codes_of(client, limited, 900)
        used = [
            await client.redeem(codes=[code], order=CART, customer="a", request_id=f"r{code}") for code in codes[:2]
        ]
        used += [await client.redeem(codes=[code], order=CART, customer="b") for code in codes[2:4]]
        await client.rollback(used[3].id)
        [often] = await codes_of(client, many)
        for _ in range(2):
            await client.redeem(codes=[often], order=CART)
        published = await client.publish(campaign=limited.name, customer="c", source_id="mail-1")
        others = [await client.publish(campaign=limited.name, customer=f"p{n}") for n in range(70)]
        await client.vouchers.disable(codes[800])
        hold = await client.validate(codes=[codes[700]], order=CART, customer="h", session=timedelta(minutes=10))
        assert hold.valid
    assert promo_json(external, "ledger", "verify")["agrees"]
    assert promo(external, "store", "rebuild").returncode == 1, "a store with a history was overwritten"
    external.stop()
    await store.flushall()

    refused = promo(external, "serve")
    assert refused.returncode == 1
    assert "promo store rebuild" in refused.stderr.splitlines()[-1]
    assert await store.dbsize() == 0, "something was written into the lost store"
    done = promo_json(external, "store", "rebuild")
    assert (done["publications"], done["rolled_back"], done["edited_vouchers"]) == (71, 1, 1)
    assert "holds" in done["not_restored"]
    again = promo(external, "store", "rebuild")
    assert again.returncode == 1
    assert "nothing was changed" in again.stderr

    external.start()
    async with client_of(external) as client:
        # Single-use codes, the customer's limit, what was given back, a disabled voucher, uses of a code.
        assert await ending(client.redeem(codes=[codes[0]], order=CART, customer="z")) == "CODE_USES_EXHAUSTED"
        assert await ending(client.redeem(codes=[codes[9]], order=CART, customer="a")) == "CUSTOMER_LIMIT_REACHED"
        assert await ending(client.redeem(codes=[codes[800]], order=CART, customer="z")) == "VOUCHER_DISABLED"
        assert await race(client.redeem(codes=[often], order=CART) for _ in range(5)) == {
            OK: 1,
            "CODE_USES_EXHAUSTED": 4,
        }
        # Holders and cursor: nobody gets a code twice, a repeat gets the first.
        assert (await client.publish(campaign=limited.name, customer="c")).codes == published.codes
        repeat = await client.publish(campaign=limited.name, customer="d", source_id="mail-1")
        assert (repeat.id, repeat.codes) == (published.id, published.codes)
        fresh = await client.publish(campaign=limited.name, customer="new")
        known = {code for one in (published, *others) for code in one.codes}
        assert known.isdisjoint(fresh.codes)
        # What was rolled back stays so; an older redemption can be.
        assert await ending(client.rollback(used[3].id)) == "ALREADY_ROLLED_BACK"
        # Holds and kept answers are gone, as the page says: what was held is free, a repeat is another call.
        assert (await client.validate(codes=[codes[700]], order=CART, customer="z")).valid
        repeated = client.redeem(codes=[codes[0]], order=CART, customer="a", request_id=f"r{codes[0]}")
        assert await ending(repeated) == "CODE_USES_EXHAUSTED"
        # 3 of 5 uses count; the budget says the same.
        endings = await race(client.redeem(codes=[code], order=CART, customer=f"r{code}") for code in codes[600:620])
        assert endings[OK] == 2
        await client.rollback(used[0].id)
        assert await race(client.redeem(codes=[code], order=CART, customer=f"s{code}") for code in codes[620:640]) == {
            OK: 1,
            "CAMPAIGN_LIMIT_REACHED": 19,
        }
    verified = promo_json(external, "ledger", "verify")
    assert verified["agrees"], verified
