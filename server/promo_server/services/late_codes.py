"""Takes codes out of the store that got there after their import was aborted."""

from __future__ import annotations

from collections.abc import Sequence

from promo_server.domain.code_import import CodeImport
from promo_server.services.ports import DefinitionStore, UnitOfWork


async def take_back(
    unit: UnitOfWork, store: DefinitionStore, ended: CodeImport, first_position: int, codes: Sequence[str]
) -> None:
    """Let the store have of an import's codes, and of their positions, what SQL has of them by now.

    Meanwhile the codes or the positions can be another import's, and in use: those are put right before anything is
    taken out, and never taken out themselves. The project must be locked.
    """
    there = await unit.stored_codes.slice(ended.campaign_id, first_position, len(codes))
    if there:
        await store.put_stored_codes(ended.project_id, ended.campaign_number, first_position, there)
    places = await unit.stored_codes.places(ended.project_id, codes)
    right = set(there)
    elsewhere = {code: place for code, place in places.items() if code not in right}
    if elsewhere:
        await store.put_places(ended.project_id, elsewhere)
    gone = [code for code in codes if code not in places]
    unused = range(first_position + len(there), first_position + len(codes))
    await store.delete_stored_codes(ended.project_id, ended.campaign_number, unused, gone)
