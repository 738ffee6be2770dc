"""Inserts many rows of one table at the driver's own speed.

SQLAlchemy prepares each row's parameters by name and type; for the archive's rows that costs more than the insert
itself. Here the statement is compiled once and rows are passed as the driver takes them.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from sqlalchemy import JSON, Dialect, Insert, Table, insert
from sqlalchemy.dialects import postgresql, sqlite


def _compiler(dialect: str) -> Dialect:
    return sqlite.dialect() if dialect == "sqlite" else postgresql.asyncpg.dialect()  # type: ignore[no-untyped-call]


def _text(dialect: str, statement: Insert, names: tuple[str, ...]) -> str:
    return str(statement.values(dict.fromkeys(names)).compile(dialect=_compiler(dialect), column_keys=list(names)))


@cache
def _statement(dialect: str, table: Table) -> str:
    """Return the text of an insert of all columns but those that count themselves."""
    return _text(dialect, insert(table), _columns(table))


@cache
def _columns(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns if column.name != "sequence")


@cache
def _documents(table: Table) -> frozenset[str]:
    return frozenset(column.name for column in table.columns if isinstance(column.type, JSON))


def _parameters(table: Table, rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names, documents = _columns(table), _documents(table)
    if not documents:
        return [tuple([row[name] for name in names]) for row in rows]
    return [tuple([json.dumps(row[name]) if name in documents else row[name] for name in names]) for row in rows]


def bulk_insert(dialect: str, table: Table, rows: list[dict[str, Any]]) -> tuple[str, list[tuple[Any, ...]]]:
    """Return statement and parameters that insert the rows; each has every column that does not count itself."""
    return _statement(dialect, table), _parameters(table, rows)


def bulk_upsert(
    dialect: str,
    statement: Insert,
    table: Table,
    rows: list[dict[str, Any]],
) -> tuple[str, list[tuple[Any, ...]]]:
    """Return the same for an insert that says what to do about rows that are there; it has no values of its own."""
    return _text(dialect, statement, _columns(table)), _parameters(table, rows)
