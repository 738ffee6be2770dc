"""From what a person typed to a position of a campaign, for looking back: also where that was deleted since."""

from __future__ import annotations

from dataclasses import dataclass

from promo_server.services.codecs import Codecs
from promo_server.services.ports import UnitOfWork


@dataclass(frozen=True, slots=True)
class FoundCode:
    """Where a code is: the number of its campaign and its position there."""

    campaign_number: int
    position: int


class FindCode:
    """Reads a typed code as a checkout does: by every layout, which forgives case and look-alikes, else as it is."""

    def __init__(self, codecs: Codecs) -> None:
        """Keep what reads computed codes."""
        self._codecs = codecs

    async def __call__(self, unit: UnitOfWork, project_id: str, typed: str) -> FoundCode | None:
        """Return where a code is; None when the project never had it."""
        typed = typed.strip()
        for layout in await unit.layouts.all_of(project_id):
            index = self._codecs(layout).decode(typed)
            if index is None or index >= layout.next_index:
                continue
            taken = await unit.layouts.range_of(project_id, layout.number, index)
            if taken is not None:
                return FoundCode(taken.campaign_number, taken.first_position + index - taken.range.start)
        stored = await unit.stored_codes.find(project_id, typed)
        return None if stored is None else FoundCode(*stored)
