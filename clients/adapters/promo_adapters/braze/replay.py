"""Sends dead letters of the outbox again."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from promo_adapters.braze.objects import OUTBOX, ObjectKind

_OVERTAKEN = """
UPDATE entries AS old SET state = 'done', note = 'overtaken by newer attributes', update_ms = ?
WHERE old.queue = ? AND old.state = 'dead' AND old.kind = ? AND EXISTS (
    SELECT 1 FROM entries AS new
    WHERE new.queue = old.queue AND new.kind = old.kind AND new.subject = old.subject AND new.id > old.id
)
"""


def replay(connection: sqlite3.Connection, keys: Sequence[str] | None, now_ms: int) -> int:
    """Make dead objects pending again, all or those with `keys`; return how many were.

    Attributes that newer ones of the same guest have followed would bring back what is no longer true: they are done.
    """
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(_OVERTAKEN, (now_ms, OUTBOX.name, ObjectKind.ATTRIBUTES))
    count = OUTBOX.replay(connection, keys, now_ms)
    connection.execute("COMMIT")
    return count
