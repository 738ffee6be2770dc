"""Tells a store that has lost everything from one that is new."""

from __future__ import annotations

from promo_server.services.ports import DefinitionStore, UnitOfWork


async def has_lost_everything(unit: UnitOfWork, store: DefinitionStore) -> bool:
    """Return whether the store knows nothing of what SQL defines.

    Definitions that are put into such a store would count from zero, and limits be passed: it must be rebuilt first.
    """
    return await unit.campaigns.any() and await store.is_blank(await unit.projects.all_ids())
