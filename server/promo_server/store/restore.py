"""Writes into an empty store what the archive knows of publications and rollbacks, in the engine's own forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from promo_server.store import keys
from promo_server.store.client import store_errors
from promo_server.store.ids import place_of_redemption
from promo_server.store.ledger import nothing_happened
from promo_server.store.publications import holder_value


@dataclass(frozen=True, slots=True)
class RestoredPublication:
    """A publication of a campaign: positions handed out, and the record that is kept with the first of them."""

    campaign_number: int
    customer: str
    source_id: str
    source_ttl_ms: int
    """How long the `source_id` still leads to the publication; it does not (any more) unless this is positive."""
    positions: tuple[int, ...]
    record: bytes


@dataclass(frozen=True, slots=True)
class RestoredVoucher:
    """What a voucher that was edited has of its own; a deleted one is never handed out."""

    campaign_number: int
    position: int
    deleted: bool
    record: bytes


class RedisRestore:
    """Restores one project after its store was lost."""

    def __init__(self, client: Redis, partitions: int) -> None:
        """Use the client; `partitions` must be what the engine uses."""
        self._client = client
        self._partitions = partitions

    async def is_empty(self, project_id: str) -> bool:
        """Return whether nothing has happened in the project as far as the store knows."""
        return await nothing_happened(self._client, [project_id], self._partitions)

    async def publications(self, project_id: str, publications: Sequence[RestoredPublication]) -> None:
        """Write who holds what."""
        size = keys.positions_per_bucket()
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for one in publications:
                number, first = one.campaign_number, one.positions[0]
                whole = holder_value(one.positions, one.record)
                for position in one.positions:
                    value = whole if position == first else b">" + str(first).encode()
                    bucket = keys.holders(project_id, number, position // size, self._partitions)
                    pipe.hset(bucket, str(position % size), value)
                if one.source_ttl_ms > 0:
                    source = keys.source(project_id, number, one.source_id, self._partitions)
                    pipe.set(source, str(first), px=one.source_ttl_ms)
            await pipe.execute()

    async def customers(self, project_id: str, first_positions: Mapping[tuple[int, str], Sequence[int]]) -> None:
        """Write the first positions, ascending, of publications by campaign number and customer."""
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for (number, customer), (first, *further) in first_positions.items():
                pipe.set(keys.customer_publication(project_id, number, customer, self._partitions), first)
                if further:
                    key = keys.further_publications(project_id, number, customer, self._partitions)
                    pipe.delete(key)
                    pipe.rpush(key, *further)
            await pipe.execute()

    async def cursors(self, project_id: str, cursors: Mapping[int, tuple[int, int]]) -> None:
        """Write, by campaign number, the position that the next publication begins at, and how many were handed out."""
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for number, (position, published) in cursors.items():
                pipe.set(keys.cursor(project_id, number, self._partitions), f"{position}:{published}")
            await pipe.execute()

    async def vouchers(self, project_id: str, vouchers: Sequence[RestoredVoucher]) -> None:
        """Write what vouchers have of their own."""
        size = keys.positions_per_bucket()
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for one in vouchers:
                number, position = one.campaign_number, one.position
                pipe.set(keys.voucher_override(project_id, number, position, self._partitions), one.record)
                if one.deleted:
                    bucket = keys.holders(project_id, number, position // size, self._partitions)
                    pipe.hsetnx(bucket, str(position % size), "-")
            await pipe.execute()

    async def rolled_back(self, project_id: str, item_ids: Sequence[str], ttl_ms: int) -> None:
        """Mark redeemables as rolled back, so that they never are again."""
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for item_id in item_ids:
                redemption_id, _, redeemable = item_id.rpartition(".")
                found = place_of_redemption(redemption_id)
                if found is not None:
                    key = keys.rolled_back(project_id, found[0], str(found[1]))
                    pipe.setbit(key, int(redeemable), 1)
                    pipe.pexpire(key, ttl_ms)
            await pipe.execute()
