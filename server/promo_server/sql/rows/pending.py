"""Queries on changes of definitions that the store does not have yet."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, true, tuple_

from promo_server.services.moments import KnownEpoch
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

    async def known_epoch(self) -> KnownEpoch:
        """Return what is known of the store's epochs."""
        row = await self._one(select(STORE_EPOCH))
        return KnownEpoch() if row is None else KnownEpoch(row["epoch"], row["lost"])

    async def note_epoch(self, epoch: int) -> None:
        """Note that the store has had an epoch."""
        new = self._upsert(STORE_EPOCH).values(id=1, epoch=epoch, lost=False)
        await self._note(new, {"epoch": epoch}, STORE_EPOCH.c.epoch < epoch)

    async def note_loss(self, epoch: int) -> bool:
        """Note that the store has lost something, while an epoch is the highest known; return whether it still was."""
        new = self._upsert(STORE_EPOCH).values(id=1, epoch=epoch, lost=True)
        return await self._note(new, {"lost": True}, STORE_EPOCH.c.epoch == epoch)

    async def begin_again(self, epoch: int) -> None:
        """Note that the store has this epoch, and that what it lost is dealt with."""
        new = self._upsert(STORE_EPOCH).values(id=1, epoch=epoch, lost=False)
        await self._note(new, {"epoch": epoch, "lost": False}, true())

    async def _note(self, new: Any, changes: dict[str, Any], where: ColumnElement[bool]) -> bool:  # noqa: ANN401 - an insert of either dialect
        statement = new.on_conflict_do_update(index_elements=[STORE_EPOCH.c.id], set_=changes, where=where)
        return (await self._connection.execute(statement)).rowcount > 0
