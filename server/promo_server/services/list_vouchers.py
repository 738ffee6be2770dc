"""Lists the vouchers of a campaign by position, whatever its size.

Codes that nothing has happened to are stored nowhere: they are spelled from their positions, and what is known of the
others is put on top.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from promo_server.domain.access import Caller
from promo_server.domain.campaign import Campaign
from promo_server.domain.layout import TakenRange
from promo_server.domain.paging import Page
from promo_server.services.codecs import Codecs
from promo_server.services.freshness import Freshness
from promo_server.services.ports import Codec, Database, UnitOfWork
from promo_server.services.read_campaigns import find_campaign
from promo_server.services.voucher_ports import VoucherFilter, VoucherState

_MOST_WINDOWS = 16
"""Windows looked through for one page; a page may be shorter than asked for, never wrong."""

_WINDOW = 1_024


@dataclass(frozen=True, slots=True)
class ListedVoucher:
    """One voucher: its code and what is known of it."""

    code: str
    state: VoucherState


@dataclass(frozen=True, slots=True)
class VoucherPage:
    """A page of the vouchers of a campaign; `last` is the position after which the next begins, None on the last.

    `stale_since` is None when everything from before the call is in it, else the time of the oldest entry that is
    missing, milliseconds since 1970.
    """

    campaign: Campaign
    vouchers: tuple[ListedVoucher, ...]
    last: int | None
    stale_since: int | None


class ListVouchers:
    """Lists vouchers of the caller's project."""

    def __init__(self, database: Database, codecs: Codecs, freshness: Freshness, named_from: int) -> None:
        """Keep what listing needs; named codes of campaigns with computed ones have positions from `named_from`."""
        self._named_from = named_from
        self._database = database
        self._freshness = freshness
        self._codecs = codecs

    async def __call__(self, caller: Caller, campaign_name: str, wanted: VoucherFilter, page: Page) -> VoucherPage:
        """Return a page by position; refuse with CAMPAIGN_NOT_FOUND."""
        stale_since = await self._freshness.stale_since(caller.project)
        first = 0 if page.after is None else page.after + 1
        async with self._database.read() as unit:
            campaign = await find_campaign(unit, caller.project, campaign_name)
            codes = await self._codes(unit, campaign)
            look = self._touched if wanted.only_touched else self._all
            vouchers, last = await look(unit, codes, wanted, first, page.size)
        return VoucherPage(campaign, tuple(vouchers), last, stale_since)

    async def _codes(self, unit: UnitOfWork, campaign: Campaign) -> _Codes:
        if campaign.layout_number is None:
            return _Codes(unit, campaign, None, (), self._named_from)
        layout = next(
            layout
            for layout in await unit.layouts.all_of(campaign.project_id)
            if layout.number == campaign.layout_number
        )
        ranges = await unit.layouts.campaign_ranges(campaign.id)
        return _Codes(unit, campaign, self._codecs(layout), ranges, self._named_from)

    @staticmethod
    async def _touched(
        unit: UnitOfWork,
        codes: _Codes,
        wanted: VoucherFilter,
        first: int,
        size: int,
    ) -> tuple[list[ListedVoucher], int | None]:
        campaign = codes.campaign
        states = await unit.vouchers.matching(campaign.project_id, campaign.id, wanted, first, size + 1)
        spelled = await codes.at([state.position for state in states[:size]])
        found = [ListedVoucher(spelled[state.position], state) for state in states[:size] if state.position in spelled]
        return found, states[size - 1].position if len(states) > size else None

    @staticmethod
    async def _all(
        unit: UnitOfWork,
        codes: _Codes,
        wanted: VoucherFilter,
        first: int,
        size: int,
    ) -> tuple[list[ListedVoucher], int | None]:
        campaign, found = codes.campaign, list[ListedVoucher]()
        for _ in range(_MOST_WINDOWS):
            first, end = codes.window(first, size + 1 if not found else _WINDOW)
            if first == end:
                return found, None
            known = {
                state.position: state
                for state in await unit.vouchers.between(campaign.project_id, campaign.id, first, end)
            }
            states = (known.get(position) or VoucherState(position) for position in range(first, end))
            matching = {state.position: state for state in states if wanted.matches(state)}
            for position, code in (await codes.at(list(matching))).items():
                if len(found) == size:
                    return found, found[-1].state.position
                found.append(ListedVoucher(code, matching[position]))
            first = end
        return found, first - 1


class _Codes:
    """Spells the codes of one campaign by position."""

    def __init__(
        self,
        unit: UnitOfWork,
        campaign: Campaign,
        codec: Codec | None,
        ranges: Sequence[TakenRange],
        named_from: int,
    ) -> None:
        self._unit = unit
        self._named_from = named_from
        self.campaign = campaign
        self._codec = codec
        self._ranges = ranges

    def window(self, first: int, size: int) -> tuple[int, int]:
        """Return the next positions from `first` on that can have codes, at most `size`; equal ends say there is none.

        Positions of words that a blocklist leaves out count. Named codes lie behind a wide gap.
        """
        if self._codec is None:
            issued = self.campaign.code_count
        else:
            issued = self._ranges[-1].first_position + self._ranges[-1].range.size if self._ranges else 0
        end = issued
        if first >= issued and self.campaign.named_count:
            first, end = max(first, self._named_from), self._named_from + self.campaign.named_count
        return (first, min(first + size, end)) if first < end else (first, first)

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

    def _indices(self, positions: Sequence[int]) -> Iterator[tuple[int, int]]:
        ranges = iter(self._ranges)
        part = next(ranges, None)
        for position in positions:
            while part is not None and position >= part.first_position + part.range.size:
                part = next(ranges, None)
            if part is None:
                return
            yield position, part.range.start + position - part.first_position
