"""Notices that the store has lost what it was told, and lets everything be told again.

A replica that lagged and took over has definitions and keys of a moment ago, and says nothing of that. What gives it
away is the epoch, which counts announcements: SQL notes the highest one that the store has had.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog

from promo_server.domain.campaign import KeptCodes
from promo_server.services import pending
from promo_server.services.moments import KnownEpoch, StoreMoment
from promo_server.services.pending import Pending
from promo_server.services.ports import Database, DefinitionStore, UnitOfWork

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Telling:
    """What the store is told from a moment on, up to the announcement of it."""

    known: KnownEpoch
    before: StoreMoment

    @classmethod
    async def begin(cls, database: Database, store: DefinitionStore) -> Telling:
        """Begin to tell. A loss is noted first: by the announcement the store counts on, and nothing gives it away."""
        known, before, _ = await _compare(database, store)
        return cls(known, before)

    async def end(self, unit: UnitOfWork, after: StoreMoment) -> None:
        """Note the epoch that the announcement began, or that the store has lost something of what it was told."""
        # One that lost its last announcements comes to the known number again by this one, or not so far.
        counted = (after.epoch or 0) > self.known.epoch
        if counted and self.before.node == after.node:
            await unit.pending.note_epoch(after.epoch or 0)
        else:
            newest = await unit.pending.known_epoch()
            await unit.pending.note_loss(newest.epoch)


async def _compare(database: Database, store: DefinitionStore) -> tuple[KnownEpoch, StoreMoment, bool]:
    """Return what is known, where the store is, and whether a loss is noted that is not dealt with.

    A store that is behind what it is known to have had has lost something. That stays noted, whatever becomes of this
    server. A store that has nothing at all is left alone: it may get its data again, or has to be rebuilt.
    """
    async with database.read() as unit:
        known = await unit.pending.known_epoch()
    now = await store.moment()
    lost = now.epoch is not None and known.lost
    if now.epoch is not None and not known.lost and now.epoch < known.epoch:
        async with database.write() as unit:
            lost = await unit.pending.note_loss(known.epoch)
    return known, now, lost


class StoreHistory:
    """Has a store told again what it lost."""

    def __init__(self, database: Database, store: DefinitionStore, named_from: int) -> None:
        """Keep what that needs; named codes of campaigns with computed ones have positions from `named_from`."""
        self._database = database
        self._store = store
        self._named_from = named_from

    async def look(self) -> None:
        """Let everything wait to be published when the store is from before what it was told."""
        known, now, lost = await _compare(self._database, self._store)
        if not lost:
            return
        # Not a number that it had before: an engine that has not looked since would take it for the same state.
        epoch = await self._store.raise_epoch(max(known.epoch - (now.epoch or 0), 0) + 1)
        if await self._begin_again(epoch):
            next_step = "none: definitions are published again"
            _LOG.error("store.went_back", epoch=now.epoch, known=known.epoch, next_step=next_step)

    async def _begin_again(self, epoch: int) -> bool:
        async with self._database.write() as unit:
            projects = await _locked(unit)
            # Every server looks, and one is enough.
            if not (await unit.pending.known_epoch()).lost:
                return False
            await _add_everything(unit, projects, self._named_from)
            await unit.pending.begin_again(epoch)
            return True


async def forget_store(database: Database, named_from: int) -> None:
    """Let everything wait that a store has to have, for one that has nothing."""
    async with database.write() as unit:
        await _add_everything(unit, await _locked(unit), named_from)
        await unit.pending.begin_again(0)


async def _locked(unit: UnitOfWork) -> Sequence[str]:
    projects = await unit.projects.all_ids()
    for project_id in projects:
        await unit.projects.lock(project_id)
    return projects


async def _add_everything(unit: UnitOfWork, projects: Sequence[str], named_from: int) -> None:
    await unit.pending.add(pending.api_key(project, key) for project, key in await unit.keys.all_ids())
    for project_id in projects:
        codes = await unit.campaigns.kept_codes(project_id)
        await unit.pending.add([pending.project(project_id)])
        await unit.pending.add(change for kept in codes for change in _everything_of(project_id, kept, named_from))
    await unit.imports.forget_store()


def _everything_of(project_id: str, kept: KeptCodes, named_from: int) -> Iterator[Pending]:
    yield pending.campaign(project_id, kept.number)
    if kept.stored:
        yield pending.stored_codes(project_id, kept.number, 0, kept.stored)
    if kept.named:
        yield pending.stored_codes(project_id, kept.number, named_from, kept.named)
