"""Queries on ledger entries that the archive could not take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, delete, false, func, insert, select, tuple_, update

from promo_server.domain.ledger import StreamId
from promo_server.services.archive_ports import SetAsideEntry
from promo_server.sql.rows.base import Rows
from promo_server.sql.tables.archive import SET_ASIDE_ENTRIES

_ORDER = (SET_ASIDE_ENTRIES.c.ledger_id, SET_ASIDE_ENTRIES.c.partition)
_COLUMNS = (
    SET_ASIDE_ENTRIES.c.partition,
    SET_ASIDE_ENTRIES.c.ledger_id,
    SET_ASIDE_ENTRIES.c.entry,
    SET_ASIDE_ENTRIES.c.positions,
    SET_ASIDE_ENTRIES.c.problem,
    SET_ASIDE_ENTRIES.c.left_out,
)


class SqlSetAside(Rows):
    """The port `SetAsideRows`."""

    async def add(self, project_id: str, entry: SetAsideEntry, now_ms: int) -> None:
        """Keep an entry."""
        row = {
            "project_id": project_id,
            "partition": entry.partition,
            "ledger_id": entry.place.sortable,
            "entry": entry.entry,
            "positions": list(entry.positions),
            "problem": entry.problem,
            "set_aside_ms": now_ms,
            "left_out": entry.left_out,
        }
        await self._connection.execute(insert(SET_ASIDE_ENTRIES), row)

    async def projects(self) -> Sequence[str]:
        """Return the projects of which some wait to be taken."""
        query = select(SET_ASIDE_ENTRIES.c.project_id).where(SET_ASIDE_ENTRIES.c.left_out == false())
        return (await self._connection.scalars(query.distinct().order_by(SET_ASIDE_ENTRIES.c.project_id))).all()

    async def count(self, project_id: str, *, left_out: bool = False) -> int:
        """Return how many wait to be taken or, when `left_out`, never will be."""
        query = select(func.count()).where(
            SET_ASIDE_ENTRIES.c.project_id == project_id, SET_ASIDE_ENTRIES.c.left_out.is_(left_out)
        )
        return int(await self._connection.scalar(query))

    async def page(
        self, project_id: str, after: SetAsideEntry | None, count: int, *, left_out: bool = True
    ) -> Sequence[SetAsideEntry]:
        """Return entries in the order in which they happened, those that follow one, up to `count` of them.

        Unless `left_out` only those that wait to be taken.
        """
        query = select(*_COLUMNS).where(SET_ASIDE_ENTRIES.c.project_id == project_id).order_by(*_ORDER).limit(count)
        if not left_out:
            query = query.where(SET_ASIDE_ENTRIES.c.left_out == false())
        if after is not None:
            query = query.where(tuple_(*_ORDER) > (after.place.sortable, after.partition))
        return [_entry(row) for row in await self._connection.execute(query)]

    async def take(self, project_id: str, entries: Sequence[SetAsideEntry]) -> Sequence[SetAsideEntry]:
        """Remove those of the entries that still wait, and return them as they are, in order."""
        places = [(one.place.sortable, one.partition) for one in entries]
        statement = (
            delete(SET_ASIDE_ENTRIES)
            .where(
                SET_ASIDE_ENTRIES.c.project_id == project_id,
                SET_ASIDE_ENTRIES.c.left_out == false(),
                tuple_(*_ORDER).in_(places),
            )
            .returning(*_COLUMNS)
        )
        taken = [_entry(row) for row in await self._connection.execute(statement)]
        return sorted(taken, key=lambda one: (one.place, one.partition))

    async def leave_out(self, project_id: str) -> None:
        """Let none of those that wait be taken any more."""
        await self._connection.execute(
            update(SET_ASIDE_ENTRIES).where(SET_ASIDE_ENTRIES.c.project_id == project_id).values(left_out=True)
        )

    async def rewrite(self, project_id: str, entries: Sequence[SetAsideEntry]) -> None:
        """Put these in the place of those of the entries that are still there."""
        if entries:
            await self._connection.execute(
                update(SET_ASIDE_ENTRIES)
                .where(
                    SET_ASIDE_ENTRIES.c.project_id == project_id,
                    SET_ASIDE_ENTRIES.c.partition == bindparam("of"),
                    SET_ASIDE_ENTRIES.c.ledger_id == bindparam("place"),
                )
                .values(entry=bindparam("other"), problem=bindparam("why")),
                [
                    {"of": one.partition, "place": one.place.sortable, "other": one.entry, "why": one.problem}
                    for one in entries
                ],
            )


def _entry(row: Row[*tuple[Any, ...]]) -> SetAsideEntry:
    partition, place, entry, positions, problem, left_out = row
    return SetAsideEntry(partition, StreamId.parse(place), bytes(entry), tuple(positions), problem, left_out)
