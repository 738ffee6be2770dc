"""Reads and restores what the store counts of limits.

The forms are those of the engine's functions: `used:sequence:free` for uses, `total:sequence` for money, one bit for a
single-use code, and a sorted set of the slots below the highest that were given back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from promo_server.store import keys
from promo_server.store.client import store_errors


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit by its name in the ledger, and in which form it is counted."""

    name: str
    money: bool = False
    single_use: bool = False


@dataclass(frozen=True, slots=True)
class CounterState:
    """What the store has of a limit: uses or minor units taken, holds included, and movements so far."""

    taken: int
    sequence: int


@dataclass(frozen=True, slots=True)
class RestoredCounter:
    """What a limit of an empty store is set to; `free_slots` are those below the highest that nobody has."""

    limit: Limit
    taken: int
    sequence: int
    free_slots: tuple[int, ...] = ()
    expire_ms: int | None = None


class RedisCounters:
    """The counters of every project."""

    def __init__(self, client: Redis, partitions: int) -> None:
        """Use the client; `partitions` must be what the engine uses."""
        self._client = client
        self._partitions = partitions

    async def read(self, project_id: str, limits: Sequence[Limit]) -> Sequence[CounterState | None]:
        """Return what the store has of each limit, None where it has nothing."""
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for limit in limits:
                name, offset = keys.limit(project_id, limit.name, self._partitions, single_use=limit.single_use)
                if offset is None:
                    pipe.get(name)
                else:
                    pipe.getbit(name, offset)
            found = await pipe.execute()
        return [_state(value) for value in found]

    async def restore(self, project_id: str, counters: Sequence[RestoredCounter]) -> None:
        """Write counters of limits that have none."""
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for counter in counters:
                limit = counter.limit
                name, offset = keys.limit(project_id, limit.name, self._partitions, single_use=limit.single_use)
                if offset is not None:
                    pipe.setbit(name, offset, 1)
                elif limit.money:
                    pipe.set(name, f"{counter.taken}:{counter.sequence}")
                else:
                    free = {str(slot): slot for slot in counter.free_slots}
                    value = f"{counter.taken}:{counter.sequence}:{len(free)}"
                    pipe.set(name, value, pxat=counter.expire_ms)
                    if free:
                        free_key = keys.free_slots(project_id, limit.name, self._partitions)
                        pipe.zadd(free_key, free)
                        if counter.expire_ms is not None:
                            pipe.pexpireat(free_key, counter.expire_ms)
            await pipe.execute()

    async def live_holds(self, project_id: str) -> int:
        """Return how many holds there are; each may have taken from several limits."""
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for partition in range(self._partitions):
                pipe.zcard(keys.holds(project_id, partition))
            return sum(await pipe.execute())


def _state(value: bytes | int | None) -> CounterState | None:
    if isinstance(value, int):
        return CounterState(value, 0)
    if value is None:
        return None
    taken, sequence = (int(part) for part in value.split(b":")[:2])
    return CounterState(taken, sequence)
