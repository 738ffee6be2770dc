"""Durable queues in a SQLite file: what came in and is not processed, what must go out and was not acknowledged.

Every function works inside the caller's transaction, so that taking an entry from one queue and putting what follows
from it into another is one step.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    body BLOB NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    note TEXT NOT NULL,
    create_ms INTEGER NOT NULL,
    update_ms INTEGER NOT NULL,
    UNIQUE (queue, key)
);
CREATE INDEX IF NOT EXISTS ix_entries_open ON entries (queue, id) WHERE state IN ('pending', 'waiting');
CREATE INDEX IF NOT EXISTS ix_entries_state ON entries (queue, state, due_ms);
CREATE INDEX IF NOT EXISTS ix_entries_subject ON entries (queue, subject, state);
"""


class State(StrEnum):
    """What becomes of an entry."""

    PENDING = "pending"
    """To be done, from `due_ms` on."""
    WAITING = "waiting"
    """To be done when its subject is known, at the latest from `due_ms` on."""
    DONE = "done"
    """Done; kept so that a repeat is recognised."""
    DEAD = "dead"
    """Given up; kept until somebody replays or drops it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a queue."""

    id: int
    """Order of arrival."""
    key: str
    """What makes it one of its kind in the queue."""
    kind: str
    """What it is; for people and for the queue's own worker."""
    subject: str
    """Whom it is about; empty when nobody."""
    body: bytes
    attempts: int
    """Failed attempts so far."""
    create_ms: int
    state: State
    note: str
    """Why it is where it is; never a secret."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an entry after an attempt."""

    state: State
    note: str = ""
    due_ms: int = 0
    """When to try again, for PENDING and WAITING."""
    failed: bool = False
    """Whether the attempt counts as failed."""


class Queue:
    """One queue of a file, by name."""

    def __init__(self, name: str) -> None:
        """Use the entries of that name."""
        self.name = name

    def put(
        self,
        connection: sqlite3.Connection,
        *,
        key: str,
        kind: str,
        subject: str,
        body: bytes,
        now_ms: int,
        verdict: Verdict | None = None,
    ) -> bool:
        """Add an entry; return whether it is new. `verdict` is what is known about it from the start."""
        verdict = verdict or Verdict(State.PENDING)
        cursor = connection.execute(
            "INSERT INTO entries (queue, key, kind, subject, body, state, attempts, due_ms, note, create_ms, update_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?) ON CONFLICT (queue, key) DO NOTHING",
            (self.name, key, kind, subject, body, verdict.state, verdict.due_ms, verdict.note, now_ms, now_ms),
        )
        return cursor.rowcount == 1

    def due(self, connection: sqlite3.Connection, now_ms: int, count: int) -> Sequence[Entry]:
        """Return up to `count` entries whose time has come, in order of arrival."""
        # Walked in order of arrival, what is due is never sorted; what is to be done later is passed one by one.
        rows = connection.execute(
            "SELECT * FROM entries INDEXED BY ix_entries_open"
            " WHERE queue = ? AND state IN ('pending', 'waiting') AND due_ms <= ? ORDER BY id LIMIT ?",
            (self.name, now_ms, count),
        )
        return [_entry(row) for row in rows]

    def next_due_ms(self, connection: sqlite3.Connection) -> int | None:
        """Return when the next entry is due; None when none is left."""
        row = connection.execute(
            "SELECT min(due_ms) FROM entries WHERE queue = ? AND state IN ('pending', 'waiting')",
            (self.name,),
        ).fetchone()
        return None if row[0] is None else int(row[0])

    def pending_counts(self, connection: sqlite3.Connection, subjects: Sequence[str]) -> Mapping[str, int]:
        """Return how many entries are pending of each of these subjects that has any."""
        marks = ", ".join("?" * len(subjects))
        found = connection.execute(
            "SELECT subject, count(*) FROM entries"  # noqa: S608 - only marks
            f" WHERE queue = ? AND subject IN ({marks}) AND state = 'pending' GROUP BY subject",
            (self.name, *subjects),
        )
        return {row[0]: row[1] for row in found}

    def settle(self, connection: sqlite3.Connection, entry_id: int, verdict: Verdict, now_ms: int) -> None:
        """Write what became of an entry."""
        connection.execute(
            "UPDATE entries SET state = ?, note = ?, due_ms = ?, attempts = attempts + ?, update_ms = ? WHERE id = ?",
            (verdict.state, verdict.note, verdict.due_ms, int(verdict.failed), now_ms, entry_id),
        )

    def wake(self, connection: sqlite3.Connection, subject: str, now_ms: int) -> None:
        """Make due what waits for `subject`."""
        connection.execute(
            "UPDATE entries SET state = 'pending', due_ms = 0, update_ms = ?"
            " WHERE queue = ? AND subject = ? AND state = 'waiting'",
            (now_ms, self.name, subject),
        )

    def dead(self, connection: sqlite3.Connection, count: int) -> Sequence[Entry]:
        """Return up to `count` entries that were given up, oldest first."""
        rows = connection.execute(
            "SELECT * FROM entries WHERE queue = ? AND state = 'dead' ORDER BY id LIMIT ?",
            (self.name, count),
        )
        return [_entry(row) for row in rows]

    def replay(self, connection: sqlite3.Connection, keys: Sequence[str] | None, now_ms: int) -> int:
        """Make dead entries pending again, all or those with `keys`; return how many were."""
        return self._take_up(connection, "state = 'pending', attempts = 0, due_ms = 0", keys, now_ms)

    def drop(self, connection: sqlite3.Connection, keys: Sequence[str] | None, now_ms: int) -> int:
        """Call dead entries done, all or those with `keys`; return how many were. A repeat is still recognised."""
        return self._take_up(connection, "state = 'done', note = 'dropped'", keys, now_ms)

    def _take_up(
        self,
        connection: sqlite3.Connection,
        changes: str,
        keys: Sequence[str] | None,
        now_ms: int,
    ) -> int:
        statement = f"UPDATE entries SET {changes}, update_ms = ? WHERE queue = ? AND state = 'dead'"  # noqa: S608 - words of ours
        if keys is None:
            return connection.execute(statement, (now_ms, self.name)).rowcount
        rows = [(now_ms, self.name, key) for key in keys]
        return connection.executemany(f"{statement} AND key = ?", rows).rowcount

    def counts(self, connection: sqlite3.Connection) -> Mapping[str, int]:
        """Return how many entries are in each state."""
        found = connection.execute("SELECT state, count(*) FROM entries WHERE queue = ? GROUP BY state", (self.name,))
        return {state.value: 0 for state in State} | {row[0]: row[1] for row in found}

    def open_counts(self, connection: sqlite3.Connection) -> Mapping[str, int]:
        """Return how many entries are in each state but done, of which there are many."""
        found = connection.execute(
            "SELECT state, count(*) FROM entries WHERE queue = ? AND state IN ('pending', 'waiting', 'dead')"
            " GROUP BY state",
            (self.name,),
        )
        states = [state.value for state in State if state is not State.DONE]
        return dict.fromkeys(states, 0) | {row[0]: row[1] for row in found}

    def oldest_ms(self, connection: sqlite3.Connection) -> int | None:
        """Return when the oldest entry that is to be done arrived; None when none is left."""
        # The first condition on the state is that of the index.
        row = connection.execute(
            "SELECT create_ms FROM entries INDEXED BY ix_entries_open"
            " WHERE queue = ? AND state IN ('pending', 'waiting') AND state = 'pending' ORDER BY id LIMIT 1",
            (self.name,),
        ).fetchone()
        return None if row is None else int(row[0])

    def forget(self, connection: sqlite3.Connection, before_ms: int) -> int:
        """Delete what was done before a time; return how many entries that were."""
        return connection.execute(
            "DELETE FROM entries WHERE queue = ? AND state = 'done' AND update_ms < ?",
            (self.name, before_ms),
        ).rowcount


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        id=row["id"],
        key=row["key"],
        kind=row["kind"],
        subject=row["subject"],
        body=bytes(row["body"]),
        attempts=row["attempts"],
        create_ms=row["create_ms"],
        state=State(row["state"]),
        note=row["note"],
    )
