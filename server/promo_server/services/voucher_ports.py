"""What the use cases need of single vouchers: what is known of those that something has happened to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from promo_server.domain.campaign import Campaign
from promo_server.domain.paging import Page, PageOf
from promo_server.services.archive_ports import EditedVoucher, Row


@dataclass(frozen=True, slots=True)
class VoucherState:
    """What is known of one position of a campaign. `record` is the promo.v1.VoucherOverride, serialized."""

    position: int
    holder: str | None = None
    publish_ms: int | None = None
    redeemed_count: int = 0
    disabled: bool = False
    deleted: bool = False
    record: bytes | None = None


@dataclass(frozen=True, slots=True)
class VoucherFilter:
    """Which vouchers are wanted; empty and None want any."""

    holder: str = ""
    published: bool | None = None
    redeemed: bool | None = None
    disabled: bool | None = None
    edited: bool | None = None
    code_prefix: str = ""

    @property
    def only_touched(self) -> bool:
        """Whether nothing matches that nothing has happened to."""
        return bool(self.holder or self.published or self.redeemed or self.disabled or self.edited)

    def matches(self, state: VoucherState) -> bool:
        """Return whether a voucher is wanted as far as its code does not say; a deleted one never is."""
        facts = (
            (self.published, state.holder is not None),
            (self.redeemed, state.redeemed_count > 0),
            (self.disabled, state.disabled),
            (self.edited, state.record is not None),
        )
        if state.deleted or (self.holder and state.holder != self.holder):
            return False
        return all(wanted is None or wanted == actual for wanted, actual in facts)


@dataclass(frozen=True, slots=True)
class StandaloneVoucher:
    """A voucher that stands alone, with the campaign that it is kept as."""

    campaign: Campaign
    code: str
    state: VoucherState


class VoucherRows(Protocol):
    """Vouchers that something has happened to."""

    async def put(self, rows: Sequence[Row]) -> None:
        """Add what happened to vouchers: uses to those before, anything else in place of what was there."""
        ...

    async def items(self, project_id: str, item_ids: Sequence[str]) -> Sequence[tuple[str, str]]:
        """Return (campaign id, voucher id) of redeemables, by their ids."""
        ...

    async def between(self, project_id: str, campaign_id: str, first: int, end: int) -> Sequence[VoucherState]:
        """Return what is known of the positions `[first, end)` of a campaign, by position."""
        ...

    async def at(self, project_id: str, campaign_id: str, positions: Sequence[int]) -> Sequence[VoucherState]:
        """Return what is known of positions of a campaign."""
        ...

    async def matching(
        self,
        project_id: str,
        campaign_id: str,
        wanted: VoucherFilter,
        first: int,
        count: int,
    ) -> Sequence[VoucherState]:
        """Return up to `count` vouchers that something has happened to and that match, from a position on."""
        ...

    async def standalone(self, project_id: str, wanted: VoucherFilter, page: Page) -> PageOf[StandaloneVoucher]:
        """Return a page of vouchers that stand alone and match, by the number of their campaign."""
        ...

    async def edited(self, project_id: str, after: tuple[str, int], count: int) -> Sequence[EditedVoucher]:
        """Return vouchers that were edited, those that follow (campaign id, position), up to `count` of them."""
        ...
