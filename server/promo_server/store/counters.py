"""Reads and restores what the store counts of limits.

The forms are those of the engine's functions: `used:sequence:free` for uses, `total:sequence` for money, one bit for a
single-use code, and a sorted set of the slots below the highest that were given back. A single-use code that was given
further uses has a counter of them beside its bit; slot 1 of that counter stands for the bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    further: bool = False
    """Whether a single-use code has a counter of further uses."""


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
    bit: bool = False
    """Whether the first use of a code with further uses counts."""


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
                if limit.single_use:
                    pipe.getbit(*self._bit(project_id, limit))
                if limit.further or not limit.single_use:
                    pipe.get(self._counter(project_id, limit))
            found = iter(await pipe.execute())
        return [_state(limit, found) for limit in limits]

    def _bit(self, project_id: str, limit: Limit) -> tuple[str, int]:
        name, offset = keys.limit(project_id, limit.name, self._partitions, single_use=True)
        return name, offset or 0

    def _counter(self, project_id: str, limit: Limit) -> str:
        return keys.limit(project_id, limit.name, self._partitions, single_use=False)[0]

    async def restore(self, project_id: str, counters: Sequence[RestoredCounter]) -> None:
        """Write counters of limits that have none."""
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for counter in counters:
                limit = counter.limit
                if limit.single_use and (counter.bit or not limit.further):
                    pipe.setbit(*self._bit(project_id, limit), 1)
                if limit.single_use and not limit.further:
                    continue
                name = self._counter(project_id, limit)
                if limit.money:
                    pipe.set(name, f"{counter.taken}:{counter.sequence}")
                    continue
                free = {str(slot): slot for slot in counter.free_slots}
                pipe.set(name, f"{counter.taken}:{counter.sequence}:{len(free)}", pxat=counter.expire_ms)
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


def _state(limit: Limit, found: Iterator[bytes | int | None]) -> CounterState | None:
    """Return the state of a limit from what was read for it."""
    if not limit.single_use:
        value = next(found)
        return None if value is None else _parse(value)
    first = int(next(found) or 0)
    if not limit.further:
        return CounterState(first, 0)
    further = _parse(next(found) or b"1:0")
    return CounterState(first + max(further.taken, 1) - 1, further.sequence)


def _parse(value: bytes | int) -> CounterState:
    taken, sequence = (int(part) for part in bytes(value).split(b":")[:2]) if isinstance(value, bytes) else (value, 0)
    return CounterState(taken, sequence)
