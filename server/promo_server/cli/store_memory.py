"""What the keys of a store take, by what they keep and by partition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from redis.asyncio import Redis

from promo_server.store import keys

_AT_A_TIME = 500
_OTHERS = "not of this product"
_SHARED = "no partition"


@dataclass(slots=True)
class Count:
    """Keys and their bytes."""

    keys: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        """Count one key."""
        self.keys += 1
        self.bytes += size


@dataclass(slots=True)
class Use:
    """What was measured."""

    keys: int = 0
    kinds: dict[str, Count] = field(default_factory=dict)
    partitions: dict[str, Count] = field(default_factory=dict)

    def add(self, key: str, size: int) -> None:
        """Count one key."""
        kind, partition = keys.describe(key)
        self.keys += 1
        self.kinds.setdefault(kind or _OTHERS, Count()).add(size)
        self.partitions.setdefault(partition or _SHARED, Count()).add(size)

    def by_kind(self) -> list[tuple[str, Count]]:
        """Return what each kind takes, the largest first."""
        return _largest(self.kinds)

    def by_partition(self) -> list[tuple[str, Count]]:
        """Return what each partition takes, the largest first."""
        return _largest(self.partitions)


async def measure(store: Redis, most: int, on_progress: Callable[[int], None]) -> Use:
    """Measure up to `most` keys, a few hundred at a time so that others get their turn between."""
    use = Use()
    cursor = 0
    while use.keys < most:
        cursor, names = await store.scan(cursor, count=_AT_A_TIME)
        # A scan may name a key twice while the store's table is resized; between steps that is not worth the memory
        # of all names.
        fresh = list(dict.fromkeys(names))[: most - use.keys]
        async with store.pipeline(transaction=False) as pipeline:
            for name in fresh:
                pipeline.memory_usage(name)
            sizes = await pipeline.execute()
        for name, size in zip(fresh, sizes, strict=True):
            # One that ended in between has no size.
            if size is not None:
                use.add(_text(name), size)
        on_progress(use.keys)
        if cursor == 0:
            break
    return use


def _text(name: bytes | str) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name


def _largest(counts: dict[str, Count]) -> list[tuple[str, Count]]:
    return sorted(counts.items(), key=lambda one: -one[1].bytes)
