"""Page tokens: where the next page of a list starts.

A token carries a digest of the list it belongs to, so that one list's token is not taken for another's. It is not
signed: it grants nothing, since the list's own project filter applies to every page.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Generic, TypeVar

from promo_server.domain import tokens
from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason

DEFAULT_PAGE_SIZE = 100
MAXIMUM_PAGE_SIZE = 1_000
_DIGEST_BYTES = 6
_LARGEST = 2**63 - 2
"""The page after it begins at a key that SQL can still have."""

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page:
    """A wish for a page: how many rows, and the key of the last row of the page before."""

    size: int
    after: int | None


@dataclass(frozen=True, slots=True)
class PageOf(Generic[Row]):
    """Rows of a page; `last` is the key of the last row, or None when no page follows."""

    rows: tuple[Row, ...]
    last: int | None


def _digest(list_name: str, scope: str) -> bytes:
    return hashlib.sha256(f"{list_name}\x00{scope}".encode()).digest()[:_DIGEST_BYTES]


def encode_token(list_name: str, scope: str, last: int | None) -> str:
    """Return the token of the page after the row with key `last`, empty when there is none."""
    if last is None:
        return ""
    raw = _digest(list_name, scope) + last.to_bytes(8, "big")
    return tokens.spell(raw)


def decode_token(list_name: str, scope: str, token: str) -> int | None:
    """Return the key in a token of this list, None for the first page; refuse any other token."""
    if not token:
        return None
    raw = tokens.read(token)
    last = int.from_bytes(raw[_DIGEST_BYTES:], "big")
    if len(raw) != _DIGEST_BYTES + 8 or raw[:_DIGEST_BYTES] != _digest(list_name, scope) or last > _LARGEST:
        raise DomainError(Reason.PAGE_TOKEN_INVALID)
    return last
