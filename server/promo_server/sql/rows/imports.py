"""Queries on imports of codes."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import RowMapping, delete, insert, select, tuple_, update

from promo_server.domain.code_import import CodeImport, ImportState, LateCodes, RefusedRow
from promo_server.domain.paging import Page, PageOf
from promo_server.sql.rows.base import Rows
from promo_server.sql.tables.definitions import CODE_IMPORTS, LATE_CODES, REFUSED_ROWS

_OPEN = (ImportState.RUNNING.value, ImportState.ABORTING.value)


def _import(row: RowMapping) -> CodeImport:
    return CodeImport(
        id=row["id"],
        project_id=row["project_id"],
        campaign_id=row["campaign_id"],
        campaign_number=row["campaign_number"],
        state=ImportState(row["state"]),
        source=row["source"],
        first_position=row["first_position"],
        create_ms=row["create_ms"],
        next_row=row["next_row"],
        accepted_count=row["accepted_count"],
        refused_count=row["refused_count"],
        stored_count=row["stored_count"],
        end_ms=row["end_ms"],
    )


def _refused(row: RowMapping) -> RefusedRow:
    return RefusedRow(row["row"], row["code"], row["reason"], row["problem"])


class SqlImports(Rows):
    """The port `ImportRows`."""

    async def insert(self, new: CodeImport) -> None:
        """Add an import."""
        await self._connection.execute(
            insert(CODE_IMPORTS).values(
                id=new.id,
                project_id=new.project_id,
                campaign_id=new.campaign_id,
                campaign_number=new.campaign_number,
                state=new.state.value,
                source=new.source,
                first_position=new.first_position,
                next_row=new.next_row,
                accepted_count=new.accepted_count,
                refused_count=new.refused_count,
                stored_count=new.stored_count,
                create_ms=new.create_ms,
            ),
        )

    async def update(self, current: CodeImport) -> None:
        """Write state and progress."""
        await self._connection.execute(
            update(CODE_IMPORTS)
            .where(CODE_IMPORTS.c.id == current.id)
            .values(
                state=current.state.value,
                next_row=current.next_row,
                accepted_count=current.accepted_count,
                refused_count=current.refused_count,
                stored_count=current.stored_count,
                end_ms=current.end_ms,
            ),
        )

    async def by_id(self, project_id: str, import_id: str) -> CodeImport | None:
        """Return an import of a project."""
        row = await self._one(
            select(CODE_IMPORTS).where(CODE_IMPORTS.c.project_id == project_id, CODE_IMPORTS.c.id == import_id),
        )
        return None if row is None else _import(row)

    async def open_of(self, campaign_id: str) -> CodeImport | None:
        """Return the import of a campaign that is neither finished nor aborted."""
        row = await self._one(
            select(CODE_IMPORTS).where(CODE_IMPORTS.c.campaign_id == campaign_id, CODE_IMPORTS.c.state.in_(_OPEN)),
        )
        return None if row is None else _import(row)

    async def forget_store(self) -> None:
        """Note that the store has none of the codes of open imports."""
        await self._connection.execute(
            update(CODE_IMPORTS).where(CODE_IMPORTS.c.state.in_(_OPEN)).values(stored_count=0),
        )

    async def keep_late(self, late: LateCodes, due_ms: int) -> None:
        """Keep codes that are to be taken back at a time, since they may get to the store before."""
        await self._connection.execute(
            insert(LATE_CODES).values(
                import_id=late.ended.id, first_position=late.first_position, codes=list(late.codes), due_ms=due_ms
            ),
        )

    async def due_late(self, now_ms: int, after: LateCodes | None = None) -> LateCodes | None:
        """Return the first kept codes that are due, of those that follow others."""
        place = (LATE_CODES.c.import_id, LATE_CODES.c.first_position)
        query = (
            select(CODE_IMPORTS, LATE_CODES.c.first_position.label("late_from"), LATE_CODES.c.codes)
            .join(LATE_CODES, LATE_CODES.c.import_id == CODE_IMPORTS.c.id)
            .where(LATE_CODES.c.due_ms <= now_ms)
            .order_by(*place)
            .limit(1)
        )
        if after is not None:
            query = query.where(tuple_(*place) > (after.ended.id, after.first_position))
        row = await self._one(query)
        return None if row is None else LateCodes(_import(row), row["late_from"], row["codes"])

    async def forget_late(self, late: LateCodes) -> None:
        """Forget kept codes."""
        await self._connection.execute(
            delete(LATE_CODES).where(
                LATE_CODES.c.import_id == late.ended.id, LATE_CODES.c.first_position == late.first_position
            ),
        )

    async def refuse(self, import_id: str, rows: Sequence[RefusedRow]) -> None:
        """Add refused rows."""
        if rows:
            await self._connection.insert_many(
                REFUSED_ROWS,
                [
                    {
                        "import_id": import_id,
                        "row": one.row,
                        "code": one.code,
                        "reason": one.reason,
                        "problem": one.problem,
                    }
                    for one in rows
                ],
            )

    async def refused_between(self, import_id: str, first_row: int, end_row: int) -> Sequence[RefusedRow]:
        """Return the refused rows among `[first_row, end_row)`, ascending."""
        query = (
            select(REFUSED_ROWS)
            .where(
                REFUSED_ROWS.c.import_id == import_id,
                REFUSED_ROWS.c.row >= first_row,
                REFUSED_ROWS.c.row < end_row,
            )
            .order_by(REFUSED_ROWS.c.row)
        )
        return [_refused(row) for row in (await self._connection.execute(query)).mappings()]

    async def refused(self, import_id: str, page: Page) -> PageOf[RefusedRow]:
        """Return refused rows, ascending."""
        query = select(REFUSED_ROWS).where(REFUSED_ROWS.c.import_id == import_id)
        return await self._page(query, REFUSED_ROWS.c.row, page, _refused, newest_first=False)

    async def forget_refused(self, before_ms: int, limit: int) -> int:
        """Forget up to `limit` refused rows of imports that ended before a time, and return how many."""
        old = (
            select(REFUSED_ROWS.c.import_id, REFUSED_ROWS.c.row)
            .join(CODE_IMPORTS, CODE_IMPORTS.c.id == REFUSED_ROWS.c.import_id)
            .where(CODE_IMPORTS.c.end_ms < before_ms)
            .limit(limit)
        )
        key = tuple_(REFUSED_ROWS.c.import_id, REFUSED_ROWS.c.row)
        return (await self._connection.execute(delete(REFUSED_ROWS).where(key.in_(old)))).rowcount
