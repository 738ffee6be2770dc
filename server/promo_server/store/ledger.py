"""Reads and trims ledger and outbox."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from redis.asyncio import Redis

from promo_server.domain.ledger import Checkpoint, StreamId
from promo_server.store import keys
from promo_server.store.client import store_errors
from promo_server.store.ids import place_of_rollback, whole_entry
from promo_server.store.news import OutboxNews

_Entries = list[tuple[bytes, dict[bytes, bytes]]]
"""Entries of a stream as the client returns them."""


@dataclass(frozen=True, slots=True)
class Notice:
    """The ledger has a new entry at `ledger`; with it in the archive, the outbox is to be read on after `outbox`.

    One outbox entry names all ledger entries that were committed together, so only the last of them ends it.
    """

    outbox: StreamId
    ledger: StreamId


@dataclass(frozen=True, slots=True)
class LedgerFact:
    """A whole ledger entry, serialized; `positions` are those that a publication handed out.

    What cannot be read is as the store has it, and `problem` says why.
    """

    place: StreamId
    entry: bytes
    positions: list[int]
    problem: str = ""


class RedisLedger:
    """The streams of every partition."""

    def __init__(self, client: Redis, partitions: int) -> None:
        """Use the client; `partitions` must be what the engine uses."""
        self._client = client
        self.partitions = partitions
        self._news = OutboxNews(client, partitions)

    async def notices(
        self,
        project_id: str,
        after: Mapping[int, Checkpoint],
        count: int,
    ) -> Mapping[int, Sequence[Notice]]:
        """Return up to `count` notices of each partition."""
        done = {keys.outbox(project_id, n).encode(): (n, after.get(n, Checkpoint())) for n in range(self.partitions)}
        streams = {name: str(checkpoint.outbox) for name, (_, checkpoint) in done.items()}
        async with store_errors():
            found = await self._client.xread(streams, count=count)  # type: ignore[arg-type]
        pairs = found.items() if isinstance(found, dict) else found
        notices = {}
        for name, entries in cast("list[tuple[bytes, list[Any]]]", pairs):
            partition, checkpoint = done[name]
            notices[partition] = list(islice(_notices(checkpoint, _flat(entries)), count))
        return notices

    async def wait(self, after: Mapping[str, Mapping[int, Checkpoint]], block_ms: int) -> Collection[str]:
        """Return which of these projects have notices, once one has, or none after `block_ms` at the latest."""
        return await self._news.wait(after, block_ms)

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

    async def trim_ledger(
        self,
        project_id: str,
        archived: Mapping[int, StreamId],
        before_ms: int,
        most_entries: int,
    ) -> None:
        """Forget ledger entries from before a time, and the oldest beyond `most_entries` of each partition.

        Nothing after the last entry of a partition that is `archived` is forgotten, however much that is.
        """
        names = {partition: keys.ledger(project_id, partition) for partition in archived}
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for partition, last in archived.items():
                keep_from = min(StreamId(max(before_ms, 0)), last.following)
                # To the entry: what a person was erased from must not stay for being in a block with others.
                pipe.xtrim(names[partition], minid=str(keep_from), approximate=False)
                pipe.xlen(names[partition])
            lengths = (await pipe.execute())[1::2]
            for (partition, last), length in zip(archived.items(), lengths, strict=True):
                if length > most_entries:
                    pipe.xtrim(names[partition], minid=str(last.following), limit=length - most_entries)
            await pipe.execute()

    async def newest_waiting(self, project_id: str) -> Mapping[int, StreamId]:
        """Return the newest outbox entry of each partition that has one."""
        # Mostly nothing waits, which one command tells of all partitions.
        some = await self.notices(project_id, {}, 1)
        if not some:
            return {}
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for partition in some:
                pipe.xrevrange(keys.outbox(project_id, partition), count=1)
            found = await pipe.execute()
        newest = zip(some, found, strict=True)
        return {partition: StreamId.parse(entries[0][0].decode()) for partition, entries in newest if entries}

    async def rollback(self, project_id: str, rollback_id: str) -> bytes | None:
        """Return the whole ledger entry at the place of a rollback, serialized; None when nothing is there (any more).

        Another kind of entry can be there, when nobody has made such a rollback.
        """
        found = place_of_rollback(rollback_id)
        if found is None or found[0] >= self.partitions:
            return None
        facts = await self.facts(project_id, found[0], [found[1]])
        return facts[0].entry if facts and not facts[0].problem else None

    async def continue_after(self, project_id: str, checkpoints: Mapping[int, Checkpoint]) -> None:
        """Make the streams of a rebuilt store go on where those that were lost have ended.

        Ids are made of places in the ledger, and the archive reads on after the last one it has: should the store's
        clock be behind that of the lost one, new entries would still follow.
        """
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for partition, done in checkpoints.items():
                ends = {
                    keys.ledger(project_id, partition): done.ledger,
                    keys.outbox(project_id, partition): done.outbox,
                }
                for name, last in ends.items():
                    if last > StreamId():
                        pipe.xadd(name, {b"b": b""}, id=str(last))
                        pipe.xtrim(name, maxlen=0, approximate=False)
            await pipe.execute()

    async def oldest_waiting(self, project_id: str) -> Mapping[int, StreamId]:
        """Return the oldest outbox entry of each partition that has one."""
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for partition in range(self.partitions):
                pipe.xrange(keys.outbox(project_id, partition), count=1)
            found = await pipe.execute()
        return {partition: StreamId.parse(entries[0][0].decode()) for partition, entries in enumerate(found) if entries}


async def nothing_happened(client: Redis, project_ids: Sequence[str], partitions: int) -> bool:
    """Return whether nothing has happened in the projects as far as the store knows."""
    for project_id in project_ids:
        async with store_errors(), client.pipeline(transaction=False) as pipe:
            for partition in range(partitions):
                # A stream of which everything was trimmed is still there.
                pipe.exists(keys.ledger(project_id, partition))
                pipe.exists(keys.outbox(project_id, partition))
                pipe.exists(keys.holds(project_id, partition))
            if any(await pipe.execute()):
                return False
    return True


def _notices(done: Checkpoint, entries: _Entries) -> Iterator[Notice]:
    """Give what follows a checkpoint, which may lie within the first entry."""
    read_on = done.outbox
    for id_, fields in entries:
        *others, last = (StreamId.parse(place) for place in fields[b"l"].decode().split())
        for place in others:
            if place > done.ledger:
                yield Notice(read_on, place)
        read_on = StreamId.parse(id_.decode())
        yield Notice(read_on, last)


def _fact(partition: int, id_: bytes, fields: dict[bytes, bytes]) -> LedgerFact:
    place = StreamId.parse(id_.decode())
    try:
        return LedgerFact(place, *whole_entry(partition, place, fields[b"b"], fields[b"o"].decode()))
    except (ValueError, KeyError) as error:
        return LedgerFact(place, fields.get(b"b", b""), [], f"{type(error).__name__}: {error}")


def _flat(entries: list[Any]) -> _Entries:
    """Return stream entries of either protocol version: RESP3 nests them once more."""
    return cast("_Entries", entries[0] if entries and isinstance(entries[0], list) else entries)
