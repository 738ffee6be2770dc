"""Queries on long-running operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, delete, insert, select, update

from promo_server.domain.operation import Operation, OperationState
from promo_server.domain.paging import Page, PageOf
from promo_server.services.documents import BATCH, document_of
from promo_server.sql.rows.base import Rows
from promo_server.sql.tables.definitions import OPERATIONS


def _operation(row: RowMapping) -> Operation:
    return Operation(
        id=row["id"],
        project_id=row["project_id"],
        campaign_id=row["campaign_id"],
        state=OperationState(row["state"]),
        total_count=row["total_count"],
        done_count=row["done_count"],
        create_ms=row["create_ms"],
        end_ms=row["end_ms"],
        batch=None if row["batch"] is None else BATCH.validate_python(row["batch"]),
        failure_reason=row["failure_reason"],
        failure_metadata=tuple(sorted(row["failure_metadata"].items())),
    )


def _values(operation: Operation) -> dict[str, Any]:
    return {
        "state": operation.state.value,
        "done_count": operation.done_count,
        "end_ms": operation.end_ms,
        "batch": None if operation.batch is None else document_of(BATCH, operation.batch),
        "failure_reason": operation.failure_reason,
        "failure_metadata": dict(operation.failure_metadata),
    }


class SqlOperations(Rows):
    """The port `OperationRows`."""

    async def insert(self, operation: Operation) -> None:
        """Add an operation."""
        await self._connection.execute(
            insert(OPERATIONS).values(
                id=operation.id,
                project_id=operation.project_id,
                campaign_id=operation.campaign_id,
                total_count=operation.total_count,
                create_ms=operation.create_ms,
                **_values(operation),
            ),
        )

    async def update(self, operation: Operation) -> None:
        """Write state, progress and outcome."""
        await self._connection.execute(
            update(OPERATIONS).where(OPERATIONS.c.id == operation.id).values(**_values(operation)),
        )

    async def by_id(self, project_id: str, operation_id: str) -> Operation | None:
        """Return an operation of a project."""
        row = await self._one(
            select(OPERATIONS).where(OPERATIONS.c.project_id == project_id, OPERATIONS.c.id == operation_id),
        )
        return None if row is None else _operation(row)

    async def delete(self, operation_id: str) -> None:
        """Forget an operation."""
        await self._connection.execute(delete(OPERATIONS).where(OPERATIONS.c.id == operation_id))

    async def page(self, project_id: str, page: Page) -> PageOf[Operation]:
        """Return operations, newest first."""
        query = select(OPERATIONS).where(OPERATIONS.c.project_id == project_id)
        return await self._page(query, OPERATIONS.c.sequence, page, _operation)

    async def running(self) -> Sequence[Operation]:
        """Return the operations that have not come to their end, oldest first."""
        query = (
            select(OPERATIONS).where(OPERATIONS.c.state == OperationState.RUNNING.value).order_by(OPERATIONS.c.sequence)
        )
        return [_operation(row) for row in (await self._connection.execute(query)).mappings()]

    async def delete_ended(self, before_ms: int, limit: int) -> int:
        """Forget up to `limit` operations that ended before a time, and return how many."""
        old = select(OPERATIONS.c.sequence).where(OPERATIONS.c.end_ms < before_ms).limit(limit)
        return (await self._connection.execute(delete(OPERATIONS).where(OPERATIONS.c.sequence.in_(old)))).rowcount
