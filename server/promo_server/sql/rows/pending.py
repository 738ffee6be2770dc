"""Queries on changes of definitions that the store does not have yet."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence

from sqlalchemy import Insert, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from promo_server.services.pending import Pending, PendingKind
from promo_server.sql.rows.base import Rows
from promo_server.sql.tables.definitions import PENDING_BUNDLES as PENDING


class SqlPending(Rows):
    """The port `PendingRows`."""

    def _upsert(self, pending: Pending) -> Insert:
        dialect = sqlite if self._connection.dialect.name == "sqlite" else postgresql
        statement = dialect.insert(PENDING).values(
            rank=pending.kind.value,
            kind=pending.kind.name.lower(),
            project_id=pending.project_id,
            target=pending.target,
            # Never one that was there before, or a slow publisher would forget a change it has not seen.
            revision=secrets.randbits(62),
        )
        upsert: Insert = statement.on_conflict_do_update(
            index_elements=[PENDING.c.kind, PENDING.c.project_id, PENDING.c.target],
            set_={"revision": statement.excluded.revision},
        )
        return upsert

    async def add(self, pending: Iterable[Pending]) -> None:
        """Add changes, or give those already there another revision."""
        for change in pending:
            await self._connection.execute(self._upsert(change))

    async def all(self, project_id: str | None, limit: int) -> Sequence[Pending]:
        """Return changes in the order in which they must be published."""
        query = select(PENDING).order_by(PENDING.c.rank, PENDING.c.project_id, PENDING.c.target).limit(limit)
        if project_id is not None:
            query = query.where(PENDING.c.project_id == project_id)
        return [
            Pending(PendingKind[row["kind"].upper()], row["project_id"], row["target"], row["revision"])
            for row in (await self._connection.execute(query)).mappings()
        ]

    async def remove(self, pending: Iterable[Pending]) -> None:
        """Forget changes whose revision is still the one given."""
        for change in pending:
            await self._connection.execute(
                delete(PENDING).where(
                    PENDING.c.kind == change.kind.name.lower(),
                    PENDING.c.project_id == change.project_id,
                    PENDING.c.target == change.target,
                    PENDING.c.revision == change.revision,
                ),
            )

    async def count(self) -> int:
        """Return how many changes wait."""
        return int(await self._connection.scalar(select(func.count()).select_from(PENDING)) or 0)
