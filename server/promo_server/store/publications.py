"""Rewrites what the store keeps of publications, with the first position handed out, and of single vouchers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import WatchError

from promo_server.store import keys
from promo_server.store.client import store_errors


@dataclass(frozen=True, slots=True)
class PublishedRecord:
    """A publication of a campaign: positions handed out, and the record that is kept with the first of them."""

    campaign_number: int
    positions: tuple[int, ...]
    record: bytes


def holder_value(positions: Sequence[int], record: bytes) -> bytes:
    """Return what the store has at the first position of a publication."""
    return ",".join(map(str, positions)).encode() + b"|" + record


class RedisPublications:
    """Publications of every campaign."""

    def __init__(self, client: Redis, partitions: int) -> None:
        """Use the client; `partitions` must be what the engine uses."""
        self._client = client
        self._partitions = partitions

    async def rewrite(self, project_id: str, publications: Sequence[PublishedRecord]) -> None:
        """Put records in the place of those that are there."""
        size = keys.positions_per_bucket()
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for one in publications:
                first = one.positions[0]
                bucket = keys.holders(project_id, one.campaign_number, first // size, self._partitions)
                pipe.hset(bucket, str(first % size), holder_value(one.positions, one.record))
            await pipe.execute()

    async def rewrite_voucher(self, project_id: str, number: int, position: int, before: bytes, after: bytes) -> bool:
        """Put what a voucher has of its own in the place of what it had; return False when that is something else."""
        key = keys.voucher_override(project_id, number, position, self._partitions)
        async with store_errors(), self._client.pipeline() as pipe:
            await pipe.watch(key)
            found = await pipe.get(key)
            if found != before:
                return bool(found == after)
            pipe.multi()  # type: ignore[no-untyped-call]
            pipe.set(key, after)
            try:
                await pipe.execute()
            except WatchError:
                return False
            return True
