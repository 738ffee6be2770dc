from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from promo_server.domain.ledger import Checkpoint, StreamId
from promo_server.embedded import EmbeddedStore
from promo_server.store import keys
from promo_server.store.client import connect
from promo_server.store.news import OutboxNews

pytestmark = pytest.mark.asyncio

PARTITIONS = 64
MOST = 256
"""Streams that the store may be made to wait for in one command."""

Known = Mapping[str, Mapping[int, Checkpoint]]


@pytest_asyncio.fixture
async def client(embedded_store: EmbeddedStore) -> AsyncIterator[Redis]:
    client = connect(embedded_store.url, timeout_seconds=240.0)
    yield client
    await client.aclose()


async def add(client: Redis, project: str, partition: int) -> Checkpoint:
    """Add a notice, and return the checkpoint behind it."""
    id_ = await client.xadd(keys.outbox(project, partition), {"l": "1-0"})
    return Checkpoint(StreamId.parse(id_.decode()), StreamId(1))


async def blocked(client: Redis, work: Callable[[], Awaitable[object]]) -> None:
    """Do something once the store has somebody wait."""
    while not (await client.info("clients"))["blocked_clients"]:
        await asyncio.sleep(0.01)
    await work()


async def reads(client: Redis, work: Callable[[], Awaitable[object]]) -> list[int]:
    """Return the number of streams of each read that the store does meanwhile."""
    counts = list[int]()
    async with client.monitor() as monitor:
        marks = list[asyncio.Future[object]]()
        task = asyncio.ensure_future(work())
        task.add_done_callback(lambda _: marks.append(asyncio.ensure_future(client.echo("done"))))
        async for seen in monitor.listen():
            name, _, arguments = seen["command"].partition(" ")
            if name == "ECHO":
                break
            if name == "XREAD":
                counts.append(len(arguments.partition("STREAMS ")[2].split()) // 2)
    await task
    return counts


async def test_no_command_waits_for_many_streams_however_many_projects_there_are(client: Redis) -> None:
    known: Known = {f"p{number}": {} for number in range(40)}
    news = OutboxNews(client, PARTITIONS)
    counts = await reads(client, lambda: news.wait(known, 50))
    # All are looked at, and the store gets its turn between them.
    assert sum(counts) >= 40 * PARTITIONS
    assert max(counts) == MOST
    assert counts.count(MOST) == 1


async def test_news_of_any_of_many_projects_are_found_and_end_once_they_are_known(client: Redis) -> None:
    known: dict[str, dict[int, Checkpoint]] = {f"p{number}": {} for number in range(40)}
    news = OutboxNews(client, PARTITIONS)
    assert not await news.wait(known, 1)
    reached = {project: await add(client, project, 63) for project in ("p7", "p39")}
    assert await until(news, known) == {"p7", "p39"}
    # They are found again until they are known, at once since that is where news came from.
    assert await news.wait(known, 100_000) == {"p7", "p39"}
    for project, checkpoint in reached.items():
        known[project][63] = checkpoint
    assert not await news.wait(known, 1)


async def until(news: OutboxNews, known: Known) -> Collection[str]:
    async with asyncio.timeout(50):
        while True:
            if found := await news.wait(known, 100):
                return found


async def test_where_the_last_news_came_from_the_next_ones_end_a_wait(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promo_server.store.news._LOOK_MS", 100_000)
    known: dict[str, dict[int, Checkpoint]] = {f"p{number}": {} for number in range(40)}
    news = OutboxNews(client, PARTITIONS)
    checkpoint = await add(client, "p39", 63)
    assert await news.wait(known, 1) == {"p39"}
    known["p39"][63] = checkpoint
    # The next look at all is far away: this is found by having been waited for.
    async with asyncio.timeout(50), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(news.wait(known, 100_000))
        tasks.create_task(blocked(client, lambda: add(client, "p39", 63)))
    assert waiting.result() == {"p39"}


async def test_a_project_that_is_gone_is_not_waited_for(client: Redis) -> None:
    news = OutboxNews(client, PARTITIONS)
    await add(client, "p1", 0)
    assert await news.wait({"p1": {}, "p2": {}}, 1) == {"p1"}
    assert not await news.wait({"p2": {}}, 1)
    assert not await news.wait({}, 1)
