"""What `/users/track` takes, and how an adapter keeps it until it is sent."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

from promo_adapters.base.queue import Entry, Queue

OUTBOX: Final = Queue("braze")
"""Objects that Braze has not acknowledged, in the order in which they are sent."""

_PARTNER_MARK: Final = "+partner"


class ObjectKind(StrEnum):
    """The arrays of a request."""

    ATTRIBUTES = "attributes"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class BrazeObject:
    """One object of a request."""

    kind: ObjectKind
    body: bytes
    """JSON."""
    partner: bool
    """Whether the request that has it names the partner, as the vendor's adapter does."""


def put(connection: sqlite3.Connection, one: BrazeObject, *, key: str, subject: str, now_ms: int) -> bool:
    """Add an object to the outbox; return whether it is new. `subject` is the external id."""
    kind = one.kind + (_PARTNER_MARK if one.partner else "")
    return OUTBOX.put(connection, key=key, kind=kind, subject=subject, body=one.body, now_ms=now_ms)


def kind_of(entry: Entry) -> ObjectKind:
    """Return the array that an entry belongs to."""
    return ObjectKind(entry.kind.removesuffix(_PARTNER_MARK))


def request_body(entries: Sequence[Entry], partner: str) -> bytes:
    """Return the body of the request that sends the entries."""
    body: dict[str, Any] = {}
    for kind in ObjectKind:
        if objects := [msgspec.Raw(entry.body) for entry in entries if kind_of(entry) is kind]:
            body[kind.value] = objects
    if any(entry.kind.endswith(_PARTNER_MARK) for entry in entries):
        body["partner"] = partner
    return msgspec.json.encode(body)
