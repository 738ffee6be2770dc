"""Takes codes out of the store that got there after their import was aborted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from promo_server.domain.code_import import CodeImport
from promo_server.services.ports import DefinitionStore, UnitOfWork


async def take_back(
    unit: UnitOfWork, store: DefinitionStore, ended: CodeImport, first_position: int, codes: Sequence[str]
) -> None:
    """Let the store have of an import's codes, and of their positions, what SQL has of them by now.

    Meanwhile the codes or the positions can be another import's. The project must be locked.
    """
    there = await unit.stored_codes.slice(ended.campaign_id, first_position, len(codes))
    right = dict(enumerate(there, first_position))
    lost: list[str] = []
    for is_right, places in groupby(enumerate(codes, first_position), lambda one: right.get(one[0]) == one[1]):
        if not is_right:
            first, code = next(places)
            run = [code, *(code for _, code in places)]
            await store.delete_stored_codes(ended.project_id, ended.campaign_number, first, run)
            lost += run
    if not lost:
        return
    if there:
        await store.put_stored_codes(ended.project_id, ended.campaign_number, first_position, there)
    for code in await unit.stored_codes.existing(ended.project_id, lost) - set(there):
        place = await unit.stored_codes.find(ended.project_id, code)
        if place is not None:
            await store.put_stored_codes(ended.project_id, *place, [code])
