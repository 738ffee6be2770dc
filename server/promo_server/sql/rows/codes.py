"""Queries on code batches and on stored codes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Dialect,
    RowMapping,
    and_,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    true,
)

from promo_server.domain.campaign import CodeBatch, CodeMode
from promo_server.domain.layout import CodeLayout
from promo_server.domain.paging import Page, PageOf
from promo_server.services.documents import LAYOUT
from promo_server.sql.lists import listed
from promo_server.sql.rows.base import Rows
from promo_server.sql.tables.definitions import CAMPAIGNS, CODE_BATCHES, STORED_CODES

_ASK = 10_000
"""Codes asked for in one statement; SQLite takes 32,766 parameters."""

_FEW = 10_000
"""Codes with one beginning that are sorted here, in place of a walk along all codes of their campaign."""

_LAST_CHARACTER = "\U0010ffff"
"""The last of Unicode, which is no character: it sorts after all others."""


def _batch(row: RowMapping) -> CodeBatch:
    return CodeBatch(
        id=row["id"],
        project_id=row["project_id"],
        campaign_id=row["campaign_id"],
        code_count=row["code_count"],
        first_position=row["first_position"],
        create_ms=row["create_ms"],
    )


def code_begins(dialect: Dialect, text: str) -> ColumnElement[bool]:
    """Return the condition that a stored code begins with a text, in the form that the database has an index for."""
    code = STORED_CODES.c.code
    if dialect.name != "sqlite":
        return func.starts_with(code, text)
    # SQLite compares bytes, and LIKE would ignore case. No text of UTF-8 has this character after its beginning.
    return and_(code >= text, code < text + _LAST_CHARACTER)


class SqlCodeBatches(Rows):
    """The port `CodeBatchRows`."""

    async def insert(self, batch: CodeBatch) -> None:
        """Add a batch."""
        await self._connection.execute(
            insert(CODE_BATCHES).values(
                id=batch.id,
                project_id=batch.project_id,
                campaign_id=batch.campaign_id,
                code_count=batch.code_count,
                first_position=batch.first_position,
                create_ms=batch.create_ms,
            ),
        )

    async def page(self, campaign_id: str, page: Page) -> PageOf[CodeBatch]:
        """Return batches, oldest first."""
        query = select(CODE_BATCHES).where(CODE_BATCHES.c.campaign_id == campaign_id)
        return await self._page(query, CODE_BATCHES.c.sequence, page, _batch, newest_first=False)


class SqlStoredCodes(Rows):
    """The port `StoredCodeRows`."""

    async def existing(self, project_id: str, codes: Sequence[str]) -> set[str]:
        """Return those of the codes that the project has."""
        if not codes:
            return set()
        asked = listed(self._connection.dialect, codes)
        wanted = STORED_CODES.c.code.in_(select(asked.value))
        query = select(STORED_CODES.c.code).where(STORED_CODES.c.project_id == project_id, wanted)
        return set(await self._connection.scalars(query))

    async def find(self, project_id: str, code: str) -> tuple[int, int] | None:
        """Return (campaign number, position) of a code, whose campaign may be deleted."""
        row = await self._one(
            select(CAMPAIGNS.c.number, STORED_CODES.c.position)
            .join(CAMPAIGNS, CAMPAIGNS.c.id == STORED_CODES.c.campaign_id)
            .where(STORED_CODES.c.project_id == project_id, STORED_CODES.c.code == code),
        )
        return None if row is None else (row["number"], row["position"])

    async def places(self, project_id: str, codes: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        """Return (campaign number, position) of those of the codes that the project has."""
        asked = listed(self._connection.dialect, codes)
        query = (
            select(STORED_CODES.c.code, CAMPAIGNS.c.number, STORED_CODES.c.position)
            .join(CAMPAIGNS, CAMPAIGNS.c.id == STORED_CODES.c.campaign_id)
            .where(STORED_CODES.c.project_id == project_id, STORED_CODES.c.code.in_(select(asked.value)))
        )
        return {row[0]: (row[1], row[2]) for row in await self._connection.execute(query)}

    async def insert(self, project_id: str, campaign_id: str, first_position: int, codes: Sequence[str]) -> None:
        """Add codes at consecutive positions."""
        new = listed(self._connection.dialect, codes)
        rows = select(
            literal(project_id),
            new.value,
            literal(campaign_id),
            literal(first_position, BigInteger) + new.place,
        )
        # In the order of the primary key, which is faster than at random.
        await self._connection.execute(
            insert(STORED_CODES).from_select(
                ["project_id", "code", "campaign_id", "position"], rows.order_by(new.value)
            ),
        )

    async def slice(self, campaign_id: str, first_position: int, count: int) -> Sequence[str]:
        """Return codes by position."""
        query = (
            select(STORED_CODES.c.code)
            .where(
                STORED_CODES.c.campaign_id == campaign_id,
                STORED_CODES.c.position >= first_position,
                STORED_CODES.c.position < first_position + count,
            )
            .order_by(STORED_CODES.c.position)
        )
        return (await self._connection.scalars(query)).all()

    async def at(self, campaign_id: str, positions: Collection[int]) -> Mapping[int, str]:
        """Return the codes at positions, in order of position."""
        found: dict[int, str] = {}
        wanted = sorted(positions)
        for start in range(0, len(wanted), _ASK):
            query = (
                select(STORED_CODES.c.position, STORED_CODES.c.code)
                .where(
                    STORED_CODES.c.campaign_id == campaign_id,
                    STORED_CODES.c.position.in_(wanted[start : start + _ASK]),
                )
                .order_by(STORED_CODES.c.position)
            )
            found.update((row[0], row[1]) for row in await self._connection.execute(query))
        return found

    async def beginning(
        self, project_id: str, campaign_id: str, text: str, positions: tuple[int, int], count: int
    ) -> Sequence[int]:
        """Return positions in `[first, end)` of codes that begin with a text, ascending, up to `count` of them.

        Where few codes of the project begin so, all of them are read; else those of the campaign are walked along.
        """
        first, end = positions
        by_code = select(STORED_CODES.c.campaign_id, STORED_CODES.c.position).where(
            STORED_CODES.c.project_id == project_id, code_begins(self._connection.dialect, text)
        )
        few = (await self._connection.execute(by_code.limit(_FEW + 1))).all()
        if len(few) <= _FEW:
            return sorted(row[1] for row in few if row[0] == campaign_id and first <= row[1] < end)[:count]
        by_position = (
            select(STORED_CODES.c.position)
            .where(
                STORED_CODES.c.campaign_id == campaign_id,
                STORED_CODES.c.position >= first,
                STORED_CODES.c.position < end,
                code_begins(self._connection.dialect, text),
            )
            .order_by(STORED_CODES.c.position)
            .limit(count)
        )
        return (await self._connection.scalars(by_position)).all()

    async def layouts_in_use(self, project_id: str) -> Sequence[tuple[str, CodeLayout | None]]:
        """Return (campaign id, layout) of every campaign that has stored codes, deleted ones included.

        The layout is None where callers gave codes, which can look like anything.
        """
        table = CAMPAIGNS.c
        query = select(table.id, table.layout, table.given_codes).where(
            table.project_id == project_id,
            or_(table.code_mode == CodeMode.STORED.value, table.given_codes == true()),
        )
        rows = await self._connection.execute(query)
        return [(row[0], None if row[2] else LAYOUT.validate_python(row[1])) for row in rows]

    async def after(self, campaign_id: str, position: int, count: int) -> Sequence[tuple[int, str]]:
        """Return (position, code) of the codes that follow a position, up to `count` of them."""
        query = (
            select(STORED_CODES.c.position, STORED_CODES.c.code)
            .where(STORED_CODES.c.campaign_id == campaign_id, STORED_CODES.c.position > position)
            .order_by(STORED_CODES.c.position)
            .limit(count)
        )
        return [(row[0], row[1]) for row in await self._connection.execute(query)]

    async def delete_from(self, campaign_id: str, first_position: int) -> None:
        """Forget the codes from a position on."""
        await self._connection.execute(
            delete(STORED_CODES).where(
                STORED_CODES.c.campaign_id == campaign_id,
                STORED_CODES.c.position >= first_position,
            ),
        )
