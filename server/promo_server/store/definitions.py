"""Puts definitions where the engine reads them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import WatchError

from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason
from promo_server.services.moments import StoreMoment
from promo_server.store import keys
from promo_server.store.client import send_packed, store_errors
from promo_server.store.ledger import nothing_happened

_ATTEMPTS = 100
"""Each that fails is one at which another publisher succeeded."""


class RedisDefinitionStore:
    """The port `DefinitionStore`."""

    def __init__(self, client: Redis, partitions: int) -> None:
        """Use the client; `partitions` must be what the engine uses."""
        self._client = client
        self._partitions = partitions

    async def is_blank(self, project_ids: Sequence[str]) -> bool:
        """Return whether nothing of any of the projects is there."""
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for project_id in project_ids:
                pipe.exists(keys.project_bundle(project_id))
            if any(await pipe.execute()):
                return False
        return await nothing_happened(self._client, project_ids, self._partitions)

    async def put_campaign(self, project_id: str, number: int, version: int, document: bytes) -> bool:
        """Put the bundle of a campaign; return False, and change nothing, when a newer version is there."""
        name = keys.bundle(project_id, number, self._partitions)
        return await self._put(name, [keys.bundle_version(project_id, number, self._partitions)], version, document)

    async def put_project(self, project_id: str, version: int, document: bytes) -> bool:
        """Put the bundle of a project and its version into every partition; return False when a newer one is there."""
        versions = [keys.project_version(project_id, partition) for partition in range(self._partitions)]
        return await self._put(keys.project_bundle(project_id), versions, version, document)

    async def _put(self, name: str, version_names: Sequence[str], version: int, document: bytes) -> bool:
        """Put document and version in one step, as long as no version there is a newer one."""
        async with store_errors(), self._client.pipeline(transaction=True) as pipe:
            for _ in range(_ATTEMPTS):
                await pipe.watch(*version_names)
                if any(int(text or 0) > version for text in await pipe.mget(version_names)):
                    return False
                pipe.multi()  # type: ignore[no-untyped-call]
                pipe.set(name, document)
                pipe.mset(dict.fromkeys(version_names, version))
                with suppress(WatchError):
                    await pipe.execute()
                    return True
        raise DomainError(Reason.CONFLICT)

    async def put_keys(
        self,
        key_ids: Sequence[str],
        read: Callable[[], Awaitable[Mapping[str, bytes | None]]],
    ) -> None:
        """Put what `read` returns of the keys, or end those of which that is None; again when one was put meanwhile."""
        async with store_errors(), self._client.pipeline(transaction=True) as pipe:
            for _ in range(_ATTEMPTS):
                await pipe.watch(keys.auth())
                documents = await read()
                pipe.multi()  # type: ignore[no-untyped-call]
                for key_id in key_ids:
                    document = documents[key_id]
                    if document is None:
                        pipe.hdel(keys.auth(), key_id)
                    else:
                        pipe.hset(keys.auth(), key_id, document)
                with suppress(WatchError):
                    await pipe.execute()
                    return
        raise DomainError(Reason.CONFLICT)

    async def put_stored_codes(
        self,
        project_id: str,
        campaign_number: int,
        first_position: int,
        codes: Sequence[str],
    ) -> None:
        """Put stored codes: each leads to its campaign and position, each position to its code."""
        commands, count = keys.put_stored_codes(project_id, campaign_number, first_position, codes, self._partitions)
        await send_packed(self._client, commands, count)

    async def put_places(self, project_id: str, places: Mapping[str, tuple[int, int]]) -> None:
        """Put stored codes, each at its (campaign number, position)."""
        packed = [
            keys.put_stored_codes(project_id, number, position, [code], self._partitions)
            for code, (number, position) in places.items()
        ]
        await send_packed(self._client, b"".join(part for part, _ in packed), sum(count for _, count in packed))

    async def delete_stored_codes(
        self,
        project_id: str,
        campaign_number: int,
        positions: range,
        codes: Collection[str],
    ) -> None:
        """Take stored codes out, and what is at positions of a campaign."""
        names: dict[str, list[str]] = {}
        size = keys.positions_per_bucket()
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for position in positions:
                bucket = keys.stored_codes(project_id, campaign_number, position // size, self._partitions)
                pipe.hdel(bucket, str(position % size))
            for code in codes:
                key = keys.stored_code(project_id, code, self._partitions)
                names.setdefault(key[: key.index("}")], []).append(key)
            for group in names.values():
                pipe.unlink(*group)
            await pipe.execute()

    async def has_stored_code(self, project_id: str, code: str) -> bool:
        """Return whether a stored code leads anywhere."""
        async with store_errors():
            return bool(await self._client.exists(keys.stored_code(project_id, code, self._partitions)))

    async def announce(self) -> StoreMoment:
        """Count the epoch up, which every engine looks at, and return the moment that begins with that."""
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            pipe.incr(keys.epoch())
            return await _moment(pipe)

    async def moment(self) -> StoreMoment:
        """Return where the store's history is."""
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            pipe.get(keys.epoch())
            return await _moment(pipe)

    async def raise_epoch(self, by: int) -> int:
        """Count the epoch up by more than one step, and return it."""
        async with store_errors():
            return int(await self._client.incrby(keys.epoch(), by))


async def _moment(pipe: Pipeline) -> StoreMoment:
    """Return the moment after a command that answers with the epoch."""
    pipe.info("replication")
    epoch, replication = await pipe.execute()
    return StoreMoment(str(replication["master_replid"]), None if epoch is None else int(epoch))
