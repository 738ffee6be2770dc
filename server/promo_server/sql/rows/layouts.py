"""Queries on layouts and on the index ranges that campaigns took of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import BigInteger, RowMapping, and_, bindparam, insert, literal, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from promo_server.domain.layout import IndexRange, RegisteredLayout, TakenRange
from promo_server.sql.lists import listed
from promo_server.sql.rows.base import Rows
from promo_server.sql.tables.definitions import CODE_RANGES, LAYOUT_SKIPS, LAYOUTS

_INDEX_DIGITS = 39
"""Digits of the largest 128-bit number: texts of this width sort like the numbers."""


def _layout(row: RowMapping) -> RegisteredLayout:
    return RegisteredLayout(
        project_id=row["project_id"],
        number=row["number"],
        specification=row["specification"],
        fingerprint=row["fingerprint"],
        wrapped_key=row["wrapped_key"],
        capacity=int(row["capacity"]),
        next_index=row["next_index"],
    )


def _range(row: RowMapping) -> TakenRange:
    return TakenRange(
        layout_number=row["layout_number"],
        range=IndexRange(row["start_index"], row["end_index"]),
        campaign_number=row["campaign_number"],
        first_position=row["first_position"],
    )


def _padded(index: int) -> str:
    return str(index).zfill(_INDEX_DIGITS)


_ALL: Final = select(LAYOUTS).where(LAYOUTS.c.project_id == bindparam("project")).order_by(LAYOUTS.c.number)

_OF_CAMPAIGN: Final = (
    select(CODE_RANGES).where(CODE_RANGES.c.campaign_id == bindparam("campaign")).order_by(CODE_RANGES.c.first_position)
)


_LAYOUT_OF_CAMPAIGN: Final = (
    select(
        CODE_RANGES,
        LAYOUTS.c.number,
        LAYOUTS.c.specification,
        LAYOUTS.c.fingerprint,
        LAYOUTS.c.wrapped_key,
        LAYOUTS.c.capacity,
        LAYOUTS.c.next_index,
    )
    .join(
        LAYOUTS,
        and_(LAYOUTS.c.project_id == CODE_RANGES.c.project_id, LAYOUTS.c.number == CODE_RANGES.c.layout_number),
    )
    .where(CODE_RANGES.c.campaign_id == bindparam("campaign"))
    .order_by(CODE_RANGES.c.first_position)
)


class SqlLayouts(Rows):
    """The port `LayoutRows`."""

    async def all_of(self, project_id: str) -> Sequence[RegisteredLayout]:
        """Return the layouts of a project, by number."""
        rows = await self._connection.execute(_ALL, {"project": project_id})
        return [_layout(row) for row in rows.mappings()]

    async def insert(self, layout: RegisteredLayout) -> None:
        """Add a layout."""
        await self._connection.execute(
            insert(LAYOUTS).values(
                project_id=layout.project_id,
                number=layout.number,
                specification=layout.specification,
                fingerprint=layout.fingerprint,
                wrapped_key=layout.wrapped_key,
                capacity=str(layout.capacity),
                next_index=layout.next_index,
            ),
        )

    async def advance(self, layout: RegisteredLayout) -> None:
        """Write the lowest index never taken."""
        await self._connection.execute(
            update(LAYOUTS)
            .where(LAYOUTS.c.project_id == layout.project_id, LAYOUTS.c.number == layout.number)
            .values(next_index=layout.next_index),
        )

    async def take(self, project_id: str, campaign_id: str, ranges: Iterable[TakenRange]) -> None:
        """Add ranges."""
        await self._connection.execute(
            insert(CODE_RANGES),
            [
                {
                    "project_id": project_id,
                    "layout_number": taken.layout_number,
                    "start_index": taken.range.start,
                    "end_index": taken.range.end,
                    "campaign_id": campaign_id,
                    "campaign_number": taken.campaign_number,
                    "first_position": taken.first_position,
                }
                for taken in ranges
            ],
        )

    async def ranges_of(self, project_id: str) -> Sequence[TakenRange]:
        """Return every range taken in a project."""
        query = (
            select(CODE_RANGES)
            .where(CODE_RANGES.c.project_id == project_id)
            .order_by(CODE_RANGES.c.layout_number, CODE_RANGES.c.start_index)
        )
        return [_range(row) for row in (await self._connection.execute(query)).mappings()]

    async def campaign_ranges(self, campaign_id: str) -> Sequence[TakenRange]:
        """Return the ranges of a campaign by position."""
        rows = await self._connection.execute(_OF_CAMPAIGN, {"campaign": campaign_id})
        return [_range(row) for row in rows.mappings()]

    async def of_campaign(self, campaign_id: str) -> tuple[RegisteredLayout, list[TakenRange]] | None:
        """Return the layout of a campaign with computed codes, and its ranges by position; None without such codes."""
        rows = (await self._connection.execute(_LAYOUT_OF_CAMPAIGN, {"campaign": campaign_id})).mappings().all()
        return (_layout(rows[0]), [_range(row) for row in rows]) if rows else None

    async def range_of(self, project_id: str, layout_number: int, index: int) -> TakenRange | None:
        """Return the range that an index is in."""
        row = await self._one(
            select(CODE_RANGES)
            .where(
                CODE_RANGES.c.project_id == project_id,
                CODE_RANGES.c.layout_number == layout_number,
                CODE_RANGES.c.start_index <= index,
            )
            .order_by(CODE_RANGES.c.start_index.desc())
            .limit(1),
        )
        return None if row is None or row["end_index"] <= index else _range(row)

    async def skip(self, project_id: str, layout_number: int, indices: Sequence[int]) -> None:
        """Remember indices that stored codes spell; one that is skipped already stays so."""
        if not indices:
            return
        new = listed(self._connection.dialect, [_padded(index) for index in indices])
        rows = select(literal(project_id), literal(layout_number, BigInteger), new.value).where(true())
        # Two stored codes that differ in case can be spelled by one index.
        dialect = sqlite if self._connection.dialect.name == "sqlite" else postgresql
        await self._connection.execute(
            dialect.insert(LAYOUT_SKIPS)
            .from_select(["project_id", "layout_number", "skipped_index"], rows)
            .on_conflict_do_nothing(),
        )

    async def skips_from(self, project_id: str, layout_number: int, index: int, end: int) -> Sequence[int]:
        """Return the skipped indices in `[index, end)`, ascending."""
        column = LAYOUT_SKIPS.c.skipped_index
        query = (
            select(column)
            .where(
                LAYOUT_SKIPS.c.project_id == project_id,
                LAYOUT_SKIPS.c.layout_number == layout_number,
                column >= _padded(index),
                column < _padded(end),
            )
            .order_by(column)
        )
        return [int(text) for text in await self._connection.scalars(query)]
