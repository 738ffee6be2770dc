"""Ids of resources, made from random bytes that the caller brings."""

from __future__ import annotations

import base64

PROJECT_ID_LENGTH = 8
"""Characters of a project id: short, since every key in the store carries it."""

RANDOM_BYTES = 10
"""Random bytes of a resource id: 80 bits, so that ids made by several servers never meet."""


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode("ascii").rstrip("=").lower()


def resource_id(prefix: str, random: bytes) -> str:
    """Return an id such as `camp_01h2xcejqtf2aaaa` from `RANDOM_BYTES` random bytes."""
    return f"{prefix}_{_base32(random)}"


def project_id(random: bytes) -> str:
    """Return a project id from at least five random bytes."""
    return _base32(random)[:PROJECT_ID_LENGTH]
