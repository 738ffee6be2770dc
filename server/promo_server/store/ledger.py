"""Reads and trims ledger and outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis

from promo_server.domain.ledger import StreamId
from promo_server.store import keys
from promo_server.store.client import store_errors, twin
from promo_server.store.ids import whole_entry

_Entries = list[tuple[bytes, dict[bytes, bytes]]]
"""Entries of a stream as the client returns them."""


@dataclass(frozen=True, slots=True)
class Notice:
    """An outbox entry: it says that the ledger has a new entry at `ledger`."""

    outbox: StreamId
    ledger: StreamId


@dataclass(frozen=True, slots=True)
class LedgerFact:
    """A whole ledger entry, serialized; `positions` are those that a publication handed out."""

    place: StreamId
    entry: bytes
    positions: list[int]


class RedisLedger:
    """The streams of every partition."""

    def __init__(self, client: Redis, partitions: int) -> None:
        """Use the client; `partitions` must be what the engine uses."""
        self._client = client
        self.partitions = partitions

    def twin(self) -> RedisLedger:
        """Return the same streams with connections of their own, for another thread."""
        return RedisLedger(twin(self._client), self.partitions)

    async def close(self) -> None:
        """Close the connections of a twin."""
        await self._client.aclose()

    async def notices(
        self,
        project_id: str,
        after: Mapping[int, StreamId],
        count: int,
        block_ms: int,
    ) -> Mapping[int, Sequence[Notice]]:
        """Return up to `count` outbox entries of each partition, waiting up to `block_ms` for the first one."""
        names = {keys.outbox(project_id, partition).encode(): partition for partition in range(self.partitions)}
        streams = {name: str(after.get(partition, StreamId())) for name, partition in names.items()}
        async with store_errors():
            found = await self._client.xread(streams, count=count, block=block_ms or None)  # type: ignore[arg-type]
        pairs = found.items() if isinstance(found, dict) else found
        return {
            names[name]: [
                Notice(StreamId.parse(id_.decode()), StreamId.parse(fields[b"l"].decode()))
                for id_, fields in _flat(entries)
            ]
            for name, entries in cast("list[tuple[bytes, list[Any]]]", pairs)
        }

    async def facts(self, project_id: str, partition: int, places: Sequence[StreamId]) -> Sequence[LedgerFact]:
        """Return the entries at the places, in order; one that was trimmed is left out."""
        wanted = set(places)
        async with store_errors():
            found = await self._client.xrange(
                keys.ledger(project_id, partition),
                min=str(places[0]),
                max=str(places[-1]),
            )
        facts = [_fact(partition, id_, fields) for id_, fields in cast("_Entries", found)]
        return [fact for fact in facts if fact.place in wanted]

    async def page(self, project_id: str, partition: int, after: StreamId, count: int) -> Sequence[LedgerFact]:
        """Return the entries that follow a place, in order, up to `count` of them."""
        async with store_errors():
            found = await self._client.xrange(
                keys.ledger(project_id, partition),
                min=str(after.following),
                count=count,
            )
        return [_fact(partition, id_, fields) for id_, fields in cast("_Entries", found)]

    async def waiting(self, project_id: str) -> int:
        """Return how many entries the outboxes have."""
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for partition in range(self.partitions):
                pipe.xlen(keys.outbox(project_id, partition))
            return sum(await pipe.execute())

    async def trim_outbox(self, project_id: str, through: Mapping[int, StreamId]) -> None:
        """Forget outbox entries up to and including an id."""
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for partition, last in through.items():
                pipe.xtrim(keys.outbox(project_id, partition), minid=str(last.following), approximate=False)
            await pipe.execute()

    async def trim_ledger(self, project_id: str, keep_from: Mapping[int, StreamId], most_entries: int) -> None:
        """Forget ledger entries below an id of each partition, and the oldest beyond `most_entries`.

        Each entry that the archive lacks has an outbox entry: as long as those are fewer than `most_entries`, the
        oldest ones beyond it are in the archive.
        """
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for partition in keep_from:
                pipe.xlen(keys.outbox(project_id, partition))
            waiting = dict(zip(keep_from, await pipe.execute(), strict=True))
            for partition, oldest in keep_from.items():
                name = keys.ledger(project_id, partition)
                pipe.xtrim(name, minid=str(oldest), approximate=True)
                if waiting[partition] < most_entries:
                    pipe.xtrim(name, maxlen=most_entries, approximate=True)
            await pipe.execute()

    async def newest_waiting(self, project_id: str) -> Mapping[int, StreamId]:
        """Return the newest outbox entry of each partition that has one."""
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for partition in range(self.partitions):
                pipe.xrevrange(keys.outbox(project_id, partition), count=1)
            found = await pipe.execute()
        return {partition: StreamId.parse(entries[0][0].decode()) for partition, entries in enumerate(found) if entries}

    async def oldest_waiting(self, project_id: str) -> Mapping[int, StreamId]:
        """Return the oldest outbox entry of each partition that has one."""
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for partition in range(self.partitions):
                pipe.xrange(keys.outbox(project_id, partition), count=1)
            found = await pipe.execute()
        return {partition: StreamId.parse(entries[0][0].decode()) for partition, entries in enumerate(found) if entries}


def _fact(partition: int, id_: bytes, fields: dict[bytes, bytes]) -> LedgerFact:
    place = StreamId.parse(id_.decode())
    return LedgerFact(place, *whole_entry(partition, place, fields[b"b"], fields[b"o"].decode()))


def _flat(entries: list[Any]) -> _Entries:
    """Return stream entries of either protocol version: RESP3 nests them once more."""
    return cast("_Entries", entries[0] if entries and isinstance(entries[0], list) else entries)
