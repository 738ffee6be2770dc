"""Lists of texts as one parameter of a statement.

However long a list is, the statement stays the same and runs in one step, with Python's lock released throughout. A
parameter for each text, or a step for each row, takes longer than what the database does with them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Dialect, FromClause, Text, cast, column, func


class Listed(NamedTuple):
    """A list as rows of a statement."""

    rows: FromClause
    value: ColumnElement[str]
    place: ColumnElement[int]
    """From 0, in the order of the list."""


def listed(dialect: Dialect, texts: Sequence[str]) -> Listed:
    """Return texts, none of which has a NUL character, as rows."""
    value = column("value", Text)
    if dialect.name == "sqlite":
        place = column("key", BigInteger)
        rows = func.json_each(json.dumps(texts)).table_valued(place, value, name="listed")
        return Listed(rows, rows.c.value, rows.c.key)
    rows = func.unnest(cast(texts, ARRAY(Text))).table_valued(value, with_ordinality="place", name="listed")
    rows = rows.render_derived()
    return Listed(rows, rows.c.value, cast(rows.c.place, BigInteger) - 1)
