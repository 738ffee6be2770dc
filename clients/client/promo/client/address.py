"""Form of an address, wherever people write one."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[^:\s\[\]]+):(?P<port>[0-9]{1,5})")
_LARGEST_PORT = 65_535
_NAMED = re.compile(r"(?:dns|ipv4|ipv6|unix|unix-abstract|vsock|xds):")
"""How gRPC's own names of a server begin."""


def checked_address(text: str) -> str:
    """Return an address `host:port`, in which an IPv6 host stands in brackets.

    Raises ValueError, which says what would be right, for any other text.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > _LARGEST_PORT:
        raise ValueError(f"must be host:port, the port 0 to {_LARGEST_PORT}; an IPv6 host stands in brackets")
    return text


def checked_target(text: str) -> str:
    """Return an address, or a name that gRPC knows how to find; raises ValueError for any other text."""
    return text if _NAMED.match(text) else checked_address(text)
