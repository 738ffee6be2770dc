"""Bytes as text that a caller hands back: URL-safe base64 without padding."""

from __future__ import annotations

import base64
import binascii


def spell(raw: bytes) -> str:
    """Return the text of a token."""
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def read(token: str) -> bytes:
    """Return the bytes of a token, none at all when it is no token."""
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
