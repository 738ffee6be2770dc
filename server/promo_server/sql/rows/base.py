"""What the queries share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Column, RowMapping, Select, Table
from sqlalchemy.dialects import postgresql, sqlite

from promo_server.domain.paging import Page, PageOf
from promo_server.sql.statements import Statements

Value = TypeVar("Value")


class Rows:
    """Queries on one connection."""

    def __init__(self, connection: Statements) -> None:
        """Use the transaction that is open on the connection."""
        self._connection = connection

    def _upsert(self, table: Table) -> Any:  # noqa: ANN401 - one of two dialects' inserts
        dialect = sqlite if self._connection.dialect.name == "sqlite" else postgresql
        return dialect.insert(table)

    async def _one(self, query: Select[Any], parameters: Mapping[str, Any] | None = None) -> RowMapping | None:
        row: RowMapping | None = (await self._connection.execute(query, parameters)).mappings().first()
        return row

    async def _page(
        self,
        query: Select[Any],
        key: Column[Any],
        page: Page,
        convert: Callable[[RowMapping], Value],
        *,
        newest_first: bool = True,
    ) -> PageOf[Value]:
        """Return a page ordered by `key`; one row more is read to see whether another page follows."""
        if page.after is not None:
            query = query.where(key < page.after if newest_first else key > page.after)
        query = query.order_by(key.desc() if newest_first else key.asc()).limit(page.size + 1)
        rows = (await self._connection.execute(query)).mappings().all()
        kept = rows[: page.size]
        last = int(kept[-1][key.name]) if len(rows) > page.size else None
        return PageOf(tuple(convert(row) for row in kept), last)
