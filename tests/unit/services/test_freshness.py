from __future__ import annotations

import asyncio

import pytest
from support import ledger
from support.control_plane import PARTITIONS, ControlPlane

from promo_server.domain.errors import DomainError
from promo_server.domain.ledger import StreamId
from promo_server.domain.reasons import Reason
from promo_server.services.freshness import Freshness
from promo_server.store import keys
from promo_server.store.ledger import RedisLedger

pytestmark = pytest.mark.asyncio


def freshness(plane: ControlPlane, seconds: float) -> Freshness:
    return Freshness(plane.database, RedisLedger(plane.client, PARTITIONS), seconds)


async def redeem(plane: ControlPlane, partition: int, slot: int) -> None:
    entry = ledger.redemption("c1", "CODE", "n:1")
    await ledger.append(plane.client, plane.project, partition, entry, f"{slot}:{slot}:{slot},0:{slot}:5")


async def test_nothing_is_waited_for_where_nothing_happened(plane: ControlPlane) -> None:
    assert await freshness(plane, 0).stale_since(plane.project) is None


async def test_a_read_waits_until_the_archive_has_what_happened_before_it(plane: ControlPlane) -> None:
    await redeem(plane, 2, 1)
    await redeem(plane, 3, 2)
    waiting = asyncio.create_task(freshness(plane, 30).stale_since(plane.project))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await plane.projection().run_round(plane.project)
    assert await waiting is None


async def test_what_happens_during_a_read_is_not_waited_for(plane: ControlPlane) -> None:
    await redeem(plane, 2, 1)
    waiting = asyncio.create_task(freshness(plane, 30).stale_since(plane.project))
    await asyncio.sleep(0.05)
    await plane.projection().run_round(plane.project)
    await redeem(plane, 2, 2)
    assert await waiting is None


async def test_after_its_time_a_read_says_since_when_something_may_be_missing(plane: ControlPlane) -> None:
    await redeem(plane, 1, 1)
    await asyncio.sleep(0.01)
    await redeem(plane, 0, 2)
    ((oldest, _),) = await plane.client.xrange(keys.outbox(plane.project, 1))
    assert await freshness(plane, 0.05).stale_since(plane.project) == StreamId.parse(oldest.decode()).milliseconds
    with pytest.raises(DomainError) as refused:
        await freshness(plane, 0.05).require(plane.project)
    assert refused.value.reason is Reason.ARCHIVE_BEHIND


async def test_what_a_dying_projection_left_in_the_outbox_is_not_waited_for(plane: ControlPlane) -> None:
    await redeem(plane, 0, 1)
    dying = plane.projection()

    async def crash(*_arguments: object) -> None:
        raise DomainError(Reason.STORE_UNAVAILABLE)

    dying._ledger.trim_outbox = crash  # type: ignore[method-assign]
    await dying.run_round(plane.project)
    assert await freshness(plane, 0).stale_since(plane.project) is None
