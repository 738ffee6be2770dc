"""What happens at the port arrives in the archive, once, and store, ledger and archive agree."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry
from support.server_process import KEY, ServerProcess

from promo.client import Campaign, Limits, PromoClient, PromoError, item, order, percent_off
from promo_server.sql.database import SqlDatabase
from promo_server.state import StateDir
from promo_server.store.client import connect
from promo_server.store.counters import RedisCounters
from promo_server.store.ledger import RedisLedger
from promo_server.workers.metrics import ArchiveMetrics
from promo_server.workers.projection import Projection
from promo_server.workers.verification import LedgerVerification, Report

pytestmark = pytest.mark.asyncio

PARTITIONS = 64
CART = order("GBP", [item("mug", price=12_50, quantity=2), item("plate", price=5_00)])
LIMITS = Limits(per_code=1, per_customer=3, per_campaign=30, per_day=30, discount_budget=150_00)


@asynccontextmanager
async def verifier(server: ServerProcess) -> AsyncIterator[tuple[SqlDatabase, RedisLedger, LedgerVerification]]:
    state = StateDir(server.state_dir)
    database = SqlDatabase(f"sqlite:///{state.database}")
    client = connect(server.store_url)
    ledger = RedisLedger(client, PARTITIONS)
    try:
        yield database, ledger, LedgerVerification(database, ledger, RedisCounters(client, PARTITIONS))
    finally:
        await client.aclose()
        await database.close()


def now_ms() -> int:
    return int(time.time() * 1000)


async def verified(server: ServerProcess) -> Report:
    """Return the report once the projection has caught up."""
    async with verifier(server) as (database, ledger, verify):
        async with database.read() as unit:
            (project,) = await unit.projects.all_ids()
        projection = Projection(database, ledger, now_ms, ArchiveMetrics(CollectorRegistry()))
        while await projection.run_round(project) or await ledger.waiting(project):
            await asyncio.sleep(0.02)
        return await verify(project)


async def new_campaign(client: PromoClient, limits: Limits = LIMITS) -> Campaign:
    return await client.campaigns.create(
        Campaign(
            name=f"archive-{uuid.uuid4().hex}",
            currency_code="GBP",
            discount=percent_off(20, limit=100_00),
            limits=limits,
            code_count=1_000,
        ),
    )


async def one_checkout(client: PromoClient, campaign: str, number: int) -> bool:
    """Publish, redeem, and roll every fifth redemption back; return whether the code was used."""
    publication = await client.publish(campaign=campaign, customer=f"customer-{number % 15}")
    try:
        redemption = await client.redeem(
            codes=list(publication.codes),
            order=CART,
            customer=f"customer-{number % 15}",
            request_id=f"{campaign}-{number}",
        )
    except PromoError:
        return False
    if number % 5 == 0:
        await client.rollback(redemption.id)
    return True


async def test_store_ledger_and_archive_agree_after_calls_at_once(new_server: Callable[..., ServerProcess]) -> None:
    server = new_server()
    async with PromoClient.connect(server.target, key=KEY) as client:
        first, second = await new_campaign(client), await new_campaign(client)
        calls = [one_checkout(client, one.name, number) for one in (first, second) for number in range(60)]
        used = await asyncio.gather(*calls)
    report = await verified(server)
    assert report.differences == []
    assert report.agrees
    assert report.entries == 120 + sum(used) + sum(1 for n, ok in enumerate(used) if ok and n % 5 == 0)
