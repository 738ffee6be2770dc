"""Queries on what is known of single vouchers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, and_, false, func, or_, select, true, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from promo_server.domain.paging import Page, PageOf
from promo_server.services.archive_ports import EditedVoucher, Row
from promo_server.services.voucher_ports import StandaloneVoucher, VoucherFilter, VoucherState
from promo_server.sql.rows.base import Rows
from promo_server.sql.rows.campaigns import campaign_of
from promo_server.sql.rows.codes import code_begins
from promo_server.sql.tables.archive import REDEMPTION_ITEMS, VOUCHER_STATES
from promo_server.sql.tables.definitions import CAMPAIGNS, STORED_CODES

_ASK = 1_000


def _state(row: RowMapping) -> VoucherState:
    return VoucherState(
        position=row["position"],
        holder=row["holder"],
        publish_ms=row["publish_ms"],
        redeemed_count=row["redeemed_count"],
        disabled=bool(row["disabled"]),
        deleted=bool(row["deleted"]),
        record=None if row["record"] is None else bytes(row["record"]),
    )


def _condition(wanted: VoucherFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on a row, or on the absence of one in an outer join."""
    table = VOUCHER_STATES.c
    conditions: list[ColumnElement[bool]] = [or_(table.deleted.is_(None), table.deleted == false())]
    if wanted.holder:
        conditions.append(table.holder == wanted.holder)
    if wanted.published is not None:
        conditions.append(table.holder.is_not(None) if wanted.published else table.holder.is_(None))
    if wanted.redeemed is not None:
        uses = table.redeemed_count
        conditions.append(uses > 0 if wanted.redeemed else func.coalesce(uses, 0) <= 0)
    if wanted.disabled is not None:
        # Only what was edited is disabled, and of that there is an index.
        off = and_(table.disabled == true(), table.record.is_not(None))
        conditions.append(off if wanted.disabled else or_(table.disabled.is_(None), table.disabled == false()))
    if wanted.edited is not None:
        conditions.append(table.record.is_not(None) if wanted.edited else table.record.is_(None))
    return conditions


def _from_position(project_id: str, campaign_id: str, first: int) -> Select[Any]:
    """Return the query of what is known of a campaign's vouchers, by position."""
    return (
        select(VOUCHER_STATES)
        .where(
            VOUCHER_STATES.c.project_id == project_id,
            VOUCHER_STATES.c.campaign_id == campaign_id,
            VOUCHER_STATES.c.position >= first,
        )
        .order_by(VOUCHER_STATES.c.position)
    )


class SqlVouchers(Rows):
    """The port `VoucherRows`."""

    async def put(self, rows: Sequence[Row]) -> None:
        """Add what happened to vouchers: uses to those before, anything else in place of what was there."""
        if not rows:
            return
        dialect: Any = sqlite if self._connection.dialect.name == "sqlite" else postgresql
        statement = dialect.insert(VOUCHER_STATES)
        new, old = statement.excluded, VOUCHER_STATES.c
        said = ("holder", "publish_ms", "disabled", "deleted", "record")
        changes: dict[str, Any] = {name: func.coalesce(new[name], old[name]) for name in said}
        changes["redeemed_count"] = old.redeemed_count + new.redeemed_count
        keys = ["project_id", "campaign_id", "position"]
        await self._connection.execute(
            statement.on_conflict_do_update(index_elements=keys, set_=changes),
            # In order of the key, so that no two transactions wait for each other.
            sorted(rows, key=lambda row: (row["campaign_id"], row["position"])),
        )

    async def items(self, project_id: str, item_ids: Sequence[str]) -> Sequence[tuple[str, str]]:
        """Return (campaign id, voucher id) of redeemables, by their ids."""
        found: list[tuple[str, str]] = []
        for start in range(0, len(item_ids), _ASK):
            query = select(REDEMPTION_ITEMS.c.campaign_id, REDEMPTION_ITEMS.c.voucher_id).where(
                REDEMPTION_ITEMS.c.project_id == project_id,
                REDEMPTION_ITEMS.c.id.in_(item_ids[start : start + _ASK]),
            )
            found.extend((row[0], row[1]) for row in await self._connection.execute(query))
        return found

    async def between(
        self,
        project_id: str,
        campaign_id: str,
        first: int,
        end: int,
    ) -> Sequence[VoucherState]:
        """Return what is known of the positions `[first, end)` of a campaign, by position."""
        query = _from_position(project_id, campaign_id, first).where(VOUCHER_STATES.c.position < end)
        return [_state(row) for row in (await self._connection.execute(query)).mappings()]

    async def at(self, project_id: str, campaign_id: str, positions: Sequence[int]) -> Sequence[VoucherState]:
        """Return what is known of positions of a campaign."""
        found: list[VoucherState] = []
        for start in range(0, len(positions), _ASK):
            some = VOUCHER_STATES.c.position.in_(positions[start : start + _ASK])
            query = _from_position(project_id, campaign_id, positions[start]).where(some)
            found.extend(_state(row) for row in (await self._connection.execute(query)).mappings())
        return found

    async def matching(
        self,
        project_id: str,
        campaign_id: str,
        wanted: VoucherFilter,
        first: int,
        count: int,
    ) -> Sequence[VoucherState]:
        """Return up to `count` vouchers that something has happened to and that match, from a position on."""
        query = _from_position(project_id, campaign_id, first).where(*_condition(wanted)).limit(count)
        return [_state(row) for row in (await self._connection.execute(query)).mappings()]

    async def standalone(self, project_id: str, wanted: VoucherFilter, page: Page) -> PageOf[StandaloneVoucher]:
        """Return a page of vouchers that stand alone and match, by the number of their campaign."""
        own, states = CAMPAIGNS.c, VOUCHER_STATES.c
        code = and_(STORED_CODES.c.campaign_id == own.id, STORED_CODES.c.position == 0)
        joined = CAMPAIGNS.join(STORED_CODES, code).outerjoin(
            VOUCHER_STATES,
            and_(states.project_id == own.project_id, states.campaign_id == own.id, states.position == 0),
        )
        query = (
            select(CAMPAIGNS, STORED_CODES.c.code)
            .select_from(joined)
            .where(own.project_id == project_id, own.standalone == true(), own.deleted == false(), *_condition(wanted))
        )
        if wanted.code_prefix:
            query = query.where(code_begins(self._connection.dialect, wanted.code_prefix))
        found = await self._page(
            query, own.number, page, lambda row: (campaign_of(row), row["code"]), newest_first=False
        )
        known = await self._first_of(project_id, [campaign.id for campaign, _ in found.rows])
        rows = [
            StandaloneVoucher(campaign, code, known.get(campaign.id, VoucherState(0))) for campaign, code in found.rows
        ]
        return PageOf(tuple(rows), found.last)

    async def _first_of(self, project_id: str, campaign_ids: Sequence[str]) -> Mapping[str, VoucherState]:
        """Return what is known of the first voucher of campaigns, by their ids."""
        query = select(VOUCHER_STATES).where(
            VOUCHER_STATES.c.project_id == project_id,
            VOUCHER_STATES.c.campaign_id.in_(campaign_ids),
            VOUCHER_STATES.c.position == 0,
        )
        rows = (await self._connection.execute(query)).mappings()
        return {row["campaign_id"]: _state(row) for row in rows}

    async def edited(self, project_id: str, after: tuple[str, int], count: int) -> Sequence[EditedVoucher]:
        """Return vouchers that were edited, those that follow (campaign id, position), up to `count` of them."""
        table = VOUCHER_STATES.c
        query = (
            select(table.campaign_id, table.position, table.deleted, table.record)
            .where(
                and_(table.project_id == project_id, table.record.is_not(None)),
                tuple_(table.campaign_id, table.position) > after,
            )
            .order_by(table.campaign_id, table.position)
            .limit(count)
        )
        rows = await self._connection.execute(query)
        return [EditedVoucher(row[0], row[1], bool(row[2]), bytes(row[3])) for row in rows]
