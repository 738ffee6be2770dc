"""Queries on changes of definitions that the store does not have yet."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, select, tuple_

from promo_server.services.pending import Pending, PendingKind
from promo_server.sql.rows.base import Rows
from promo_server.sql.tables.definitions import PENDING_BUNDLES as PENDING
from promo_server.sql.tables.definitions import STORE_EPOCH


class SqlPending(Rows):
    """The port `PendingRows`."""

    async def add(self, pending: Iterable[Pending]) -> None:
        """Add changes, or give those already there another revision."""
        statement = self._upsert(PENDING)
        statement = statement.on_conflict_do_update(
            index_elements=[PENDING.c.kind, PENDING.c.project_id, PENDING.c.target],
            set_={"revision": statement.excluded.revision},
        )
        rows = [
            {
                "rank": change.kind.value,
                "kind": change.kind.name.lower(),
                "project_id": change.project_id,
                "target": change.target,
                # Never one that was there before, or a slow publisher would forget a change it has not seen.
                "revision": secrets.randbits(62),
            }
            for change in pending
        ]
        if rows:
            # Row by row: PostgreSQL takes no more than 32,767 parameters in one statement.
            await self._connection.execute(statement, rows)

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
        key = tuple_(PENDING.c.kind, PENDING.c.project_id, PENDING.c.target, PENDING.c.revision)
        seen = [(one.kind.name.lower(), one.project_id, one.target, one.revision) for one in pending]
        await self._connection.execute(delete(PENDING).where(key.in_(seen)))

    async def count(self) -> int:
        """Return how many changes wait."""
        return int(await self._connection.scalar(select(func.count()).select_from(PENDING)) or 0)

    async def epoch(self) -> int:
        """Return the highest epoch that the store is known to have had; 0 when none is."""
        return int(await self._connection.scalar(select(STORE_EPOCH.c.epoch)) or 0)

    async def note_epoch(self, epoch: int) -> None:
        """Note that the store has had an epoch."""
        statement = self._upsert(STORE_EPOCH).values(id=1, epoch=epoch)
        newer = statement.excluded.epoch
        await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=[STORE_EPOCH.c.id], set_={"epoch": newer}, where=STORE_EPOCH.c.epoch < newer
            )
        )

    async def forget_epoch(self) -> None:
        """Note nothing of the epochs that the store has had."""
        await self._connection.execute(delete(STORE_EPOCH))
