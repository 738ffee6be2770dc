"""What the adapter keeps: events, guests, redemptions, and what Braze has to hear. One SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from promo_adapters.base import queue
from promo_adapters.base.queue import Queue

INBOX: Final = Queue("punchh")
"""Events of Punchh, by content id and timestamp."""

SCHEMA: Final = (
    queue.SCHEMA
    + """
CREATE TABLE IF NOT EXISTS guests (
    user_id INTEGER PRIMARY KEY,
    external_id TEXT NOT NULL,
    profile_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS redemptions (
    kind TEXT NOT NULL,
    id INTEGER NOT NULL,
    user_id INTEGER,
    external_id TEXT NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    receipt_amount TEXT NOT NULL,
    happen_ms INTEGER NOT NULL,
    content_id TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);
"""
)


@dataclass(frozen=True, slots=True)
class KnownGuest:
    """What events have said about a guest."""

    user_id: int
    external_id: str
    """Empty when Punchh knows none."""
    profile_ms: int
    """Time of the newest `users` event that was worked off; 0 when there was none."""


@dataclass(frozen=True, slots=True)
class RecordedRedemption:
    """A use of a reward, of points or of a coupon at Punchh."""

    kind: str
    """"redemption" or "coupon"."""
    id: int
    user_id: int | None
    external_id: str
    code: str
    name: str
    status: str
    receipt_amount: str
    """As Punchh wrote it, in the business's currency; empty when it did not."""
    happen_ms: int
    content_id: str


def guests(connection: sqlite3.Connection, user_ids: Sequence[int]) -> Mapping[int, KnownGuest]:
    """Return those guests that are known."""
    marks = ", ".join("?" * len(user_ids))
    rows = connection.execute(f"SELECT * FROM guests WHERE user_id IN ({marks})", user_ids)  # noqa: S608 - only marks
    return {row["user_id"]: KnownGuest(row["user_id"], row["external_id"], row["profile_ms"]) for row in rows}


def note_guest(connection: sqlite3.Connection, guest: KnownGuest) -> None:
    """Keep what an event says; an older one changes nothing, one that is no profile only adds what was unknown."""
    connection.execute(
        "INSERT INTO guests (user_id, external_id, profile_ms) VALUES (:user_id, :external_id, :profile_ms)"
        " ON CONFLICT (user_id) DO UPDATE SET external_id = excluded.external_id,"
        " profile_ms = max(guests.profile_ms, excluded.profile_ms)"
        " WHERE excluded.profile_ms >= guests.profile_ms OR (guests.external_id = '' AND excluded.profile_ms = 0)",
        {"user_id": guest.user_id, "external_id": guest.external_id, "profile_ms": guest.profile_ms},
    )


def note_redemption(connection: sqlite3.Connection, one: RecordedRedemption) -> None:
    """Keep a redemption; of several events about one the newest counts, in whatever order they come."""
    connection.execute(
        "INSERT INTO redemptions VALUES (:kind, :id, :user_id, :external_id, :code, :name, :status, :receipt_amount,"
        " :happen_ms, :content_id) ON CONFLICT (kind, id) DO UPDATE SET user_id = excluded.user_id,"
        " external_id = excluded.external_id, code = excluded.code, name = excluded.name, status = excluded.status,"
        " receipt_amount = excluded.receipt_amount, happen_ms = excluded.happen_ms, content_id = excluded.content_id"
        " WHERE excluded.happen_ms >= redemptions.happen_ms",
        {name: getattr(one, name) for name in one.__slots__},
    )


def redemptions(connection: sqlite3.Connection, count: int) -> list[dict[str, Any]]:
    """Return up to `count` redemptions, newest first."""
    rows = connection.execute("SELECT * FROM redemptions ORDER BY happen_ms DESC, kind, id LIMIT ?", (count,))
    return [dict(row) for row in rows]
