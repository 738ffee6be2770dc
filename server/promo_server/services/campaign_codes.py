"""The codes of one campaign by position, and those of them that begin with a text."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from promo_server.domain.campaign import Campaign
from promo_server.domain.errors import FieldsInvalidError, Violation
from promo_server.domain.layout import TakenRange
from promo_server.services.ports import Codec, UnitOfWork

MOST_LOOKED_AT = 1_000_000
"""Computed codes that are looked at for those that begin with a text: some hundredths of a second."""


class CampaignCodes:
    """Spells codes. `codec` is None where all of them are stored; named ones of others are at `named_from` and up."""

    def __init__(
        self,
        unit: UnitOfWork,
        campaign: Campaign,
        codec: Codec | None,
        ranges: Sequence[TakenRange],
        named_from: int,
        beginning: str,
    ) -> None:
        """Keep it for one list; an empty `beginning` is that of every code."""
        self.campaign = campaign
        self._unit = unit
        self._codec = codec
        self._ranges = ranges
        self._named_from = named_from
        self._beginning = beginning
        self._spelled = codec.normalise_beginning(beginning) if codec is not None else None
        self._located: Sequence[int] | None = None

    async def positions(self, first: int, count: int) -> Sequence[int]:
        """Return the next positions from `first` on of codes with the beginning, up to `count` of them.

        Positions of words that a blocklist leaves out count. Refuses a beginning that would need too long a look.
        """
        if self._codec is None:
            return await self._stored(first, count, self.campaign.code_count)
        computed = await self._computed(self._codec)
        start = bisect_left(computed, first)
        found = computed[start : start + count]
        if len(found) == count or not self.campaign.named_count:
            return found
        named_end = self._named_from + self.campaign.named_count
        named = await self._stored(max(first, self._named_from), count - len(found), named_end)
        return [*found, *named] if found else named

    async def at(self, positions: Sequence[int]) -> Mapping[int, str]:
        """Return the codes at ascending positions; a position that a blocklist leaves out has none."""
        if self._codec is None:
            return await self._unit.stored_codes.at(self.campaign.id, positions)
        issued = positions[: bisect_left(positions, self._named_from)]
        spelled = ((position, self._codec.encode(index)) for position, index in self._indices(issued))
        codes = {position: code for position, code in spelled if code is not None}
        if len(issued) < len(positions):
            codes |= await self._unit.stored_codes.at(self.campaign.id, positions[len(issued) :])
        return codes

    def begins(self, position: int, code: str) -> bool:
        """Return whether the code at a position has the beginning."""
        if self._codec is None or position >= self._named_from:
            return code.startswith(self._beginning)
        return self._spelled is not None and code.startswith(self._spelled)

    async def _computed(self, codec: Codec) -> Sequence[int]:
        """Return the positions of the computed codes with the beginning."""
        if self._located is None:
            issued = range(self._ranges[-1].first_position + self._ranges[-1].range.size if self._ranges else 0)
            self._located = await self._locate(codec) if self._beginning and issued else issued
            if self._located is None:
                self._located = issued
        return self._located

    async def _locate(self, codec: Codec) -> Sequence[int] | None:
        """Return the positions of the computed codes with the beginning, None for all of them."""
        ranges = [(taken.range.start, taken.range.end) for taken in self._ranges]
        # The kernel lets other threads work meanwhile.
        found = await asyncio.to_thread(codec.locate_beginning, self._beginning, ranges, MOST_LOOKED_AT)
        if not isinstance(found, int):
            return found
        if found:
            problem = (
                f"needs {found} more {'symbol' if found == 1 else 'symbols'}: the codes of the campaign are computed, "
                f"and for those with a beginning at most {MOST_LOOKED_AT:,} are looked at"
            )
            raise FieldsInvalidError((Violation("filter.code_prefix", problem),))
        return None

    async def _stored(self, first: int, count: int, end: int) -> Sequence[int]:
        """Return the next positions below `end` of stored codes with the beginning."""
        if not self._beginning:
            return range(first, min(first + count, end))
        codes, campaign = self._unit.stored_codes, self.campaign
        return await codes.beginning(campaign.project_id, campaign.id, self._beginning, (first, end), count)

    def _indices(self, positions: Sequence[int]) -> Iterator[tuple[int, int]]:
        ranges = iter(self._ranges)
        part = next(ranges, None)
        for position in positions:
            while part is not None and position >= part.first_position + part.range.size:
                part = next(ranges, None)
            if part is None:
                return
            yield position, part.range.start + position - part.first_position
