"""Publishes definitions: what changed in SQL goes to the store until it is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import structlog

from promo_server.domain.bundle import campaign_bundle, key_document, project_bundle
from promo_server.domain.campaign import CodeMode
from promo_server.domain.errors import DomainError
from promo_server.domain.layout import IndexRange
from promo_server.domain.reasons import Reason
from promo_server.services.documents import DEFINITION, document_of
from promo_server.services.lost_store import has_lost_everything
from promo_server.services.pending import Pending, PendingKind
from promo_server.services.ports import Database, DefinitionStore, UnitOfWork
from promo_server.services.store_history import Telling

_LOG = structlog.get_logger(__name__)

_BUNDLES = frozenset({PendingKind.PROJECT, PendingKind.CAMPAIGN})
_AT_ONCE = 100
_CODES_AT_ONCE = 10_000


class BundlePublisher:
    """Puts pending changes into the store.

    Any number of publishers may run: an older version never takes the place of a newer one, a key is put as SQL has it
    when it is put, and a change is forgotten only when it is there and has not changed again.
    """

    def __init__(self, database: Database, store: DefinitionStore, partitions: int) -> None:
        """Keep what publishing needs; `partitions` is fixed at the store's first use."""
        self._database = database
        self._store = store
        self._partitions = partitions

    async def publish(self, project_id: str | None = None, *, rebuilding: bool = False) -> int:
        """Publish what waits, of one project or of all, and return how many changes that were.

        A store that has lost everything gets nothing, and the call fails with STORE_UNAVAILABLE, unless it is
        `rebuilding` that calls.
        """
        published = 0
        if project_id is not None:
            # Nearly always that is all there is: the caller's own change.
            published, more = await self._publish_of(project_id, (), None, rebuilding=rebuilding)
            if not more:
                return published
        while True:
            async with self._database.read() as unit:
                waiting = await unit.pending.all(project_id, _AT_ONCE)
            if not waiting:
                return published
            telling = await Telling.begin(self._database, self._store)
            # First, and a part at a time: there may be a million of them. They never change once they are drawn.
            codes = [change for change in waiting if change.kind is PendingKind.STORED_CODES]
            for change in codes:
                await self._put_stored_codes(change)
            for owner in {change.project_id for change in waiting}:
                count, _ = await self._publish_of(owner, codes, telling, rebuilding=rebuilding)
                published += count

    async def _publish_of(
        self,
        project_id: str,
        codes: Sequence[Pending],
        telling: Telling | None,
        *,
        rebuilding: bool,
    ) -> tuple[int, bool]:
        """Publish what waits of a project and may be; tell how many changes that were, and whether more waits.

        `codes` are the changes of stored codes that are in the store by now, put since `telling` began.
        """
        async with self._database.read() as unit:
            waiting = await unit.pending.all(project_id, _AT_ONCE)
            changes = _publishable(waiting, codes)
            documents = [(change, *await self._document(unit, change)) for change in changes if change.kind in _BUNDLES]
        # No transaction is open while the store is waited for: others read and write meanwhile.
        if changes:
            if not rebuilding:
                await self._require_memory(project_id)
            telling = telling or await Telling.begin(self._database, self._store)
        refused = [
            (change, version)
            for change, version, document in documents
            if document is not None and not await self._put(change, version, document)
        ]
        keys = [change.target for change in changes if change.kind is PendingKind.API_KEY]
        if keys:
            await self._store.put_keys(keys, partial(self._key_documents, keys))
        if telling is not None and changes:
            after = await self._store.announce()
            async with self._database.write() as unit:
                await unit.pending.remove(changes)
                await telling.end(unit, after)
        for change, version in refused:
            await self._look_why(change, version)
        return len(changes), len(changes) < len(waiting) or len(waiting) == _AT_ONCE

    async def _look_why(self, change: Pending, version: int) -> None:
        """Report a store that has a newer version than SQL; mostly another publisher was faster."""
        async with self._database.read() as unit:
            newest, _ = await self._document(unit, change)
        if newest <= version:
            _LOG.error(
                "definitions.store_is_newer",
                project=change.project_id,
                kind=change.kind.name.lower(),
                target=change.target,
                version=version,
                next_step="changes take no effect: SQL is from before what the store has; restore both from one moment",
            )

    async def _key_documents(self, key_ids: Sequence[str]) -> Mapping[str, bytes | None]:
        async with self._database.read() as unit:
            found = {key_id: await unit.keys.by_id(key_id) for key_id in key_ids}
        return {
            key_id: None if key is None or key.revoke_ms is not None else key_document(key)
            for key_id, key in found.items()
        }

    async def _require_memory(self, project_id: str) -> None:
        # Nearly always the project is known, which one look tells.
        if await self._store.is_blank([project_id]) and await has_lost_everything(self._database, self._store):
            _LOG.error("store.lost", next_step="stop every server, then run: promo store rebuild")
            raise DomainError(Reason.STORE_UNAVAILABLE)

    async def _document(self, unit: UnitOfWork, change: Pending) -> tuple[int, bytes | None]:
        if change.kind is PendingKind.PROJECT:
            return await self._project(unit, change.project_id)
        return await self._campaign(unit, change.project_id, int(change.target))

    async def _project(self, unit: UnitOfWork, project_id: str) -> tuple[int, bytes | None]:
        project = await unit.projects.by_id(project_id)
        if project is None:
            return 0, None
        layouts = await unit.layouts.all_of(project_id)
        ranges = await unit.layouts.ranges_of(project_id)
        campaigns = await unit.campaigns.names(project_id)
        return project.version, project_bundle(project, self._partitions, layouts, ranges, campaigns)

    @staticmethod
    async def _campaign(unit: UnitOfWork, project_id: str, number: int) -> tuple[int, bytes | None]:
        campaign = await unit.campaigns.by_number(project_id, number)
        if campaign is None:
            return 0, None
        ranges = [part.range for part in await unit.layouts.campaign_ranges(campaign.id)]
        if campaign.code_mode is CodeMode.STORED:
            ranges = [IndexRange(0, campaign.code_count)]  # positions, since stored codes have no index
        definition = document_of(DEFINITION, campaign.definition)
        return campaign.version, campaign_bundle(campaign, definition, ranges)

    async def _put(self, change: Pending, version: int, document: bytes) -> bool:
        if change.kind is PendingKind.PROJECT:
            return await self._store.put_project(change.project_id, version, document)
        return await self._store.put_campaign(change.project_id, int(change.target), version, document)

    async def _put_stored_codes(self, change: Pending) -> None:
        number, first, count = (int(part) for part in change.target.split(":"))
        for start in range(first, first + count, _CODES_AT_ONCE):
            size = min(_CODES_AT_ONCE, first + count - start)
            async with self._database.read() as unit:
                campaign = await unit.campaigns.by_number(change.project_id, number)
                codes: Sequence[str] = (
                    () if campaign is None else await unit.stored_codes.slice(campaign.id, start, size)
                )
            await self._store.put_stored_codes(change.project_id, number, start, codes)


def _publishable(waiting: Sequence[Pending], codes: Sequence[Pending]) -> Sequence[Pending]:
    """Return what may be published: a bundle only when the codes are there that it counts."""
    if all(change in codes for change in waiting if change.kind is PendingKind.STORED_CODES):
        return waiting
    return [change for change in waiting if change.kind is PendingKind.API_KEY or change in codes]
