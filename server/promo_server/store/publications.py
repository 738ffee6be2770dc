"""Rewrites what the store keeps of publications, with the first position handed out, and of single vouchers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from promo_server.store import keys
from promo_server.store.client import store_errors

Redacted = Callable[[bytes], bytes]
"""Returns a record without what it says of a person."""


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
    """Publications of every campaign.

    Records are compared by what is left of them: the engine and this process need not write them with the same bytes.
    """

    def __init__(self, client: Redis, partitions: int) -> None:
        """Use the client; `partitions` must be what the engine uses."""
        self._client = client
        self._partitions = partitions

    async def rewrite(self, project_id: str, publications: Sequence[PublishedRecord], redacted: Redacted) -> None:
        """Put records in the place of those that they are left of; a code that somebody else holds stays theirs."""
        size = keys.positions_per_bucket()
        for one in publications:
            first = one.positions[0]
            bucket = keys.holders(project_id, one.campaign_number, first // size, self._partitions)
            await self._rewrite(bucket, str(first % size), one, redacted)

    async def _rewrite(self, bucket: str, field: str, one: PublishedRecord, redacted: Redacted) -> None:
        whole = holder_value(one.positions, one.record)

        async def replace(pipe: Pipeline) -> None:
            found = cast("bytes | None", await pipe.hget(bucket, field))
            pipe.multi()  # type: ignore[no-untyped-call]
            positions, _, record = (found or b"").partition(b"|")
            if whole.startswith(positions + b"|") and redacted(record) == one.record:
                pipe.hset(bucket, field, whole)

        async with store_errors():
            await self._client.transaction(replace, bucket)

    async def rewrite_voucher(
        self, project_id: str, number: int, position: int, record: bytes, redacted: Redacted
    ) -> bool:
        """Put what is left of what a voucher has of its own in its place; return False when it has something else.

        Nothing is no such thing: a store that has lost it has nothing to take out.
        """
        key = keys.voucher_override(project_id, number, position, self._partitions)

        async def replace(pipe: Pipeline) -> bool:
            found = cast("bytes | None", await pipe.get(key))
            pipe.multi()  # type: ignore[no-untyped-call]
            same = found is not None and redacted(found) == record
            if same:
                pipe.set(key, record)
            return same or found is None

        async with store_errors():
            return bool(await self._client.transaction(replace, key, value_from_callable=True))
