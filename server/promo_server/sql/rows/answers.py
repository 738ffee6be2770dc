"""Queries on kept answers."""

from __future__ import annotations

from sqlalchemy import ColumnElement, delete, insert, select, tuple_

from promo_server.domain.requests import Repeat
from promo_server.sql.rows.base import Rows
from promo_server.sql.tables.definitions import KEPT_ANSWERS


def _is(project_id: str, repeat: Repeat) -> tuple[ColumnElement[bool], ...]:
    return (
        KEPT_ANSWERS.c.project_id == project_id,
        KEPT_ANSWERS.c.method == repeat.method,
        KEPT_ANSWERS.c.request_id == repeat.request_id,
    )


class SqlKeptAnswers(Rows):
    """The port `KeptAnswerRows`."""

    async def find(self, project_id: str, repeat: Repeat, now_ms: int) -> tuple[bytes, bytes] | None:
        """Return (body hash, answer) of a request id that is still kept."""
        row = await self._one(
            select(KEPT_ANSWERS).where(*_is(project_id, repeat), KEPT_ANSWERS.c.expire_ms > now_ms),
        )
        return None if row is None else (bytes(row["body_hash"]), bytes(row["answer"]))

    async def keep(self, project_id: str, repeat: Repeat, answer: bytes, expire_ms: int) -> None:
        """Keep an answer, in place of an expired one if there is one."""
        await self._connection.execute(delete(KEPT_ANSWERS).where(*_is(project_id, repeat)))
        await self._connection.execute(
            insert(KEPT_ANSWERS).values(
                project_id=project_id,
                method=repeat.method,
                request_id=repeat.request_id,
                body_hash=repeat.body_hash,
                answer=answer,
                expire_ms=expire_ms,
            ),
        )

    async def delete_expired(self, now_ms: int, limit: int) -> int:
        """Forget up to `limit` expired answers and return how many."""
        key = tuple_(KEPT_ANSWERS.c.project_id, KEPT_ANSWERS.c.method, KEPT_ANSWERS.c.request_id)
        expired = (
            select(KEPT_ANSWERS.c.project_id, KEPT_ANSWERS.c.method, KEPT_ANSWERS.c.request_id)
            .where(KEPT_ANSWERS.c.expire_ms <= now_ms)
            .limit(limit)
        )
        return (await self._connection.execute(delete(KEPT_ANSWERS).where(key.in_(expired)))).rowcount
