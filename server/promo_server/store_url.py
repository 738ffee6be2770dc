"""Form of the URL of the store. It may have a password, so nothing here quotes it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

EMBEDDED = "embedded:"
"""Stands for the bundled store."""

_LARGEST_PORT = 65_535
_DATABASE = re.compile(r"/?|/[0-9]{1,9}")
_SOCKET_OPTIONS = re.compile(r"|db=[0-9]{1,9}")
_RIGHT = (
    "must be embedded:, redis://USER:PASSWORD@HOST:PORT/DATABASE, of which all but the host may be missing, rediss:// "
    "likewise, or unix:///PATH?db=DATABASE; special characters of a password are percent-encoded, there are no other "
    "options"
)


def check_store_url(url: str) -> str:
    """Return the URL of a store; raise ValueError, which says what would be right, for one that cannot be used.

    The control plane and the data plane reach the store by libraries of their own. What these read differently is
    refused: most options would let only one of them in, or each into a database of its own.
    """
    if url != EMBEDDED and not _is_usable(url):
        raise ValueError(_RIGHT)
    return url


def _is_usable(url: str) -> bool:
    if not url.isprintable() or " " in url:
        return False
    try:
        parsed = urlsplit(url)
        port = parsed.port
        # A label that is too long is found only when the name is looked up.
        host = (parsed.hostname or "").encode("idna")
    except ValueError:
        return False
    if parsed.fragment:
        return False
    if parsed.scheme == "unix":
        return not parsed.netloc and len(parsed.path) > 1 and bool(_SOCKET_OPTIONS.fullmatch(parsed.query))
    reachable = bool(host) and (port is None or 1 <= port <= _LARGEST_PORT)
    named = not parsed.query and bool(_DATABASE.fullmatch(parsed.path))
    return parsed.scheme in {"redis", "rediss"} and reachable and named
