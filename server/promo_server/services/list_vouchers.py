"""Lists the vouchers of a campaign by position, whatever its size.

Codes that nothing has happened to are stored nowhere: they are spelled from their positions, and what is known of the
others is put on top.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from promo_server.domain.access import Caller
from promo_server.domain.campaign import Campaign
from promo_server.domain.paging import Page
from promo_server.services.campaign_codes import CampaignCodes
from promo_server.services.codecs import Codecs
from promo_server.services.freshness import Freshness
from promo_server.services.ports import Database, UnitOfWork
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
        """Return a page by position; refuse with CAMPAIGN_NOT_FOUND, or with FIELD_INVALID a beginning too short."""
        stale_since = await self._freshness.stale_since(caller.project)
        first = 0 if page.after is None else page.after + 1
        async with self._database.read() as unit:
            campaign = await find_campaign(unit, caller.project, campaign_name)
            codes = await self._codes(unit, campaign, wanted.code_prefix)
            vouchers, last = await _page(unit, codes, wanted, first, page.size)
        return VoucherPage(campaign, tuple(vouchers), last, stale_since)

    async def _codes(self, unit: UnitOfWork, campaign: Campaign, beginning: str) -> CampaignCodes:
        computed = await unit.layouts.of_campaign(campaign.id)
        if computed is None:
            return CampaignCodes(unit, campaign, None, (), self._named_from, beginning)
        layout, ranges = computed
        return CampaignCodes(unit, campaign, self._codecs(layout), ranges, self._named_from, beginning)


async def _page(
    unit: UnitOfWork,
    codes: CampaignCodes,
    wanted: VoucherFilter,
    first: int,
    size: int,
) -> tuple[list[ListedVoucher], int | None]:
    """Return wanted vouchers from a position on, and the last position that was looked at unless it is the last."""
    look, found = _touched if wanted.only_touched else _all, list[ListedVoucher]()
    following: int | None = first
    for window in range(_MOST_WINDOWS):
        if following is None:
            break
        states, following = await look(unit, codes, wanted, following, _WINDOW if window else size + 1)
        spelled = await codes.at([state.position for state in states])
        for state in states:
            code = spelled.get(state.position)
            if code is None or not codes.begins(state.position, code):
                continue
            if len(found) == size:
                return found, found[-1].state.position
            found.append(ListedVoucher(code, state))
    return found, None if following is None else following - 1


_Window = tuple[Sequence[VoucherState], int | None]
"""Vouchers that match, and the position that the next window begins at; None when there is none."""


async def _touched(unit: UnitOfWork, codes: CampaignCodes, wanted: VoucherFilter, first: int, count: int) -> _Window:
    campaign = codes.campaign
    states = await unit.vouchers.matching(campaign.project_id, campaign.id, wanted, first, count)
    return states, states[-1].position + 1 if len(states) == count else None


async def _all(unit: UnitOfWork, codes: CampaignCodes, wanted: VoucherFilter, first: int, count: int) -> _Window:
    positions = await codes.positions(first, count)
    if not positions:
        return (), None
    campaign, last = codes.campaign, positions[-1]
    if last - positions[0] < len(positions):
        known = await unit.vouchers.between(campaign.project_id, campaign.id, positions[0], last + 1)
    else:
        known = await unit.vouchers.at(campaign.project_id, campaign.id, positions)
    by_position = {state.position: state for state in known}
    states = (by_position.get(position) or VoucherState(position) for position in positions)
    return [state for state in states if wanted.matches(state)], last + 1
