"""What can be listed, by which fields it can be filtered, and in which orders it comes.

Pages are found by key, never by counting: a page token carries the sort key and the id of the last row, and a digest
of the list, the project, the filter and the order that it belongs to. It is not signed: it grants nothing, since the
list's own project filter applies to every page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from promo_server.domain import tokens
from promo_server.domain.errors import DomainError
from promo_server.domain.filters import Condition, Field, Kind
from promo_server.domain.reasons import Reason

_DIGEST_BYTES = 6
_KEY_BYTES = 8
_LONGEST_TOKEN = 1_024

_TEXT, _TIME, _NUMBER = Field(Kind.TEXT), Field(Kind.TIME), Field(Kind.NUMBER)

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Sort:
    """An order: by a field, and by id among equals."""

    field: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: the sort key of its last row (0 in an order by id) and the row's id."""

    key: int
    id: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A list. `orders` are the fields it can be sorted by, `default` is its order when none is asked for."""

    name: str
    fields: Mapping[str, Field]
    orders: tuple[str, ...]
    default: Sort

    def sort(self, text: str) -> Sort:
        """Return the order that an `order_by` asks for; raise ValueError, whose text says what is allowed."""
        words = text.split()
        if not words:
            return self.default
        name, *direction = words
        if name not in self.orders or direction not in ([], ["asc"], ["desc"]):
            message = f"must be one of {', '.join(self.orders)}, followed by asc or desc or nothing"
            raise ValueError(message)
        return Sort(name, direction == ["desc"])


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A wish for a page: rows that meet all conditions, in an order, after a place."""

    conditions: tuple[Condition, ...]
    sort: Sort
    size: int
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Listed(Generic[Row]):
    """Rows of a page; `last` is the place of the last one, or None when no page follows.

    What happened from `stale_since_ms` on, milliseconds since 1970, may be missing; None when nothing is.
    """

    rows: tuple[Row, ...]
    last: Place | None
    stale_since_ms: int | None = None


REDEMPTIONS = Listing(
    "redemptions",
    {
        "campaign": _TEXT,
        "customer": _TEXT,
        "voucher": _TEXT,
        "code": _TEXT,
        "order": _TEXT,
        "state": Field(Kind.STATE, ("succeeded", "partially_rolled_back", "rolled_back")),
        "redeem_time": _TIME,
        "amount": _NUMBER,
        "discount_amount": _NUMBER,
    },
    ("redeem_time", "discount_amount"),
    Sort("redeem_time", descending=True),
)
ROLLBACKS = Listing(
    "rollbacks",
    {"redemption": _TEXT, "rollback_time": _TIME, "returned_amount": _NUMBER},
    ("rollback_time",),
    Sort("rollback_time", descending=True),
)
PUBLICATIONS = Listing(
    "publications",
    {
        "campaign": _TEXT,
        "customer": _TEXT,
        "voucher": _TEXT,
        "code": _TEXT,
        "source_id": _TEXT,
        "channel": _TEXT,
        "publish_time": _TIME,
    },
    ("publish_time",),
    Sort("publish_time", descending=True),
)
CUSTOMERS = Listing(
    "customers",
    {"source_id": _TEXT, "email": _TEXT, "phone": _TEXT, "create_time": _TIME},
    ("create_time", "source_id"),
    Sort("create_time", descending=True),
)
ORDERS = Listing(
    "orders",
    {"customer": _TEXT, "create_time": _TIME, "amount": _NUMBER, "discount_amount": _NUMBER},
    ("create_time", "source_id"),
    Sort("create_time", descending=True),
)
LISTINGS = (REDEMPTIONS, ROLLBACKS, PUBLICATIONS, CUSTOMERS, ORDERS)


def _digest(listing: Listing, project_id: str, conditions: tuple[Condition, ...], sort: Sort) -> bytes:
    parts = [listing.name, project_id, sort.field, str(sort.descending)]
    parts += [f"{one.field}{one.operator}{one.value}" for one in conditions]
    return hashlib.sha256("\x00".join(parts).encode(errors="replace")).digest()[:_DIGEST_BYTES]


def encode_place(listing: Listing, project_id: str, query: ListQuery, last: Place | None) -> str:
    """Return the token of the page after a place, empty when there is none."""
    if last is None:
        return ""
    key = last.key.to_bytes(_KEY_BYTES, "big", signed=True)
    raw = _digest(listing, project_id, query.conditions, query.sort) + key + last.id.encode()
    return tokens.spell(raw)


def decode_place(
    listing: Listing,
    project_id: str,
    conditions: tuple[Condition, ...],
    sort: Sort,
    token: str,
) -> Place | None:
    """Return the place in a token of this list, None for the first page; refuse any other token."""
    if not token:
        return None
    start = _DIGEST_BYTES + _KEY_BYTES
    if len(token) > _LONGEST_TOKEN:
        raise DomainError(Reason.PAGE_TOKEN_INVALID)
    raw = tokens.read(token)
    try:
        row = raw[start:].decode()
    except UnicodeDecodeError:
        raise DomainError(Reason.PAGE_TOKEN_INVALID) from None
    if len(raw) <= start or raw[:_DIGEST_BYTES] != _digest(listing, project_id, conditions, sort) or "\x00" in row:
        raise DomainError(Reason.PAGE_TOKEN_INVALID)
    return Place(int.from_bytes(raw[_DIGEST_BYTES:start], "big", signed=True), row)
