"""The codes at positions of a campaign: computed, or read where they are stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from promo_server.domain.layout import TakenRange
from promo_server.services.codecs import Codecs
from promo_server.services.ports import UnitOfWork


class PositionCodes:
    """Finds codes of campaigns, deleted ones included."""

    def __init__(self, codecs: Codecs) -> None:
        """Keep what computes codes."""
        self._codecs = codecs

    async def __call__(
        self,
        unit: UnitOfWork,
        campaign_id: str,
        positions: Collection[int],
    ) -> Mapping[int, str]:
        """Return the codes by position; one that was never issued is left out."""
        computed = await unit.layouts.of_campaign(campaign_id)
        if computed is None:
            return await unit.stored_codes.at(campaign_id, positions)
        layout, ranges = computed
        codec = self._codecs(layout)
        found: dict[int, str] = {}
        for position in positions:
            index = _index(ranges, position)
            code = None if index is None else codec.encode(index)
            if code is not None:
                found[position] = code
        return found


def _index(ranges: Sequence[TakenRange], position: int) -> int | None:
    for part in ranges:
        offset = position - part.first_position
        if 0 <= offset < part.range.size:
            return part.range.start + offset
    return None
