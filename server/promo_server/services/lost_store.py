"""Tells a store that has lost everything from one that is new."""

from __future__ import annotations

from promo_server.services.ports import Database, DefinitionStore


async def has_lost_everything(database: Database, store: DefinitionStore) -> bool:
    """Return whether the store knows nothing of what SQL defines.

    Definitions that are put into such a store would count from zero, and limits be passed: it must be rebuilt first.
    """
    async with database.read() as unit:
        projects = await unit.projects.all_ids() if await unit.campaigns.any() else ()
    # No transaction is open while the store is waited for.
    return bool(projects) and await store.is_blank(projects)
