"""Puts definitions where the engine reads them."""

from __future__ import annotations

from collections.abc import Sequence

from redis.asyncio import Redis
from redis.exceptions import WatchError

from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason
from promo_server.store import keys
from promo_server.store.client import send_packed, store_errors

_ATTEMPTS = 10


class RedisDefinitionStore:
    """The port `DefinitionStore`."""

    def __init__(self, client: Redis, partitions: int) -> None:
        """Use the client; `partitions` must be what the engine uses."""
        self._client = client
        self._partitions = partitions

    async def put_campaign(self, project_id: str, number: int, version: int, document: bytes) -> None:
        """Put the bundle of a campaign, unless a newer one is there."""
        await self._put(
            keys.bundle(project_id, number, self._partitions),
            keys.bundle_version(project_id, number, self._partitions),
            version,
            document,
        )

    async def put_project(self, project_id: str, version: int, document: bytes) -> None:
        """Put the bundle of a project and its version into every partition, unless a newer one is there."""
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for partition in range(self._partitions):
                pipe.get(keys.project_version(project_id, partition))
            current = max(int(text or 0) for text in await pipe.execute())
            if current > version:
                return
            # The bundle first: an engine that finds it before the versions sees one reload too many, never too few.
            pipe.set(keys.project_bundle(project_id), document)
            for partition in range(self._partitions):
                pipe.set(keys.project_version(project_id, partition), version)
            await pipe.execute()

    async def _put(self, key: str | None, version_key: str, version: int, document: bytes) -> None:
        """Put document and version in one step, as long as the version there is not a newer one."""
        async with store_errors(), self._client.pipeline(transaction=True) as pipe:
            for _ in range(_ATTEMPTS):
                await pipe.watch(version_key)
                current = await pipe.get(version_key)
                if current is not None and int(current) > version:
                    return
                pipe.multi()  # type: ignore[no-untyped-call]
                if key is not None:
                    pipe.set(key, document)
                pipe.set(version_key, version)
                try:
                    await pipe.execute()
                except WatchError:
                    continue
                return
        raise DomainError(Reason.CONFLICT)

    async def put_key(self, key_id: str, document: bytes | None) -> None:
        """Put a key, or end it."""
        async with store_errors():
            if document is None:
                await self._client.hdel(keys.auth(), key_id)
            else:
                await self._client.hset(keys.auth(), key_id, document)

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

    async def delete_stored_codes(
        self,
        project_id: str,
        campaign_number: int,
        first_position: int,
        codes: Sequence[str],
    ) -> None:
        """Take stored codes out that were put there."""
        names: dict[str, list[str]] = {}
        size = keys.positions_per_bucket()
        async with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for position, code in enumerate(codes, first_position):
                key = keys.stored_code(project_id, code, self._partitions)
                names.setdefault(key[: key.index("}")], []).append(key)
                bucket = keys.stored_codes(project_id, campaign_number, position // size, self._partitions)
                pipe.hdel(bucket, str(position % size))
            for group in names.values():
                pipe.unlink(*group)
            await pipe.execute()

    async def announce(self) -> None:
        """Count the epoch up, which every engine looks at."""
        async with store_errors():
            await self._client.incr(keys.epoch())
