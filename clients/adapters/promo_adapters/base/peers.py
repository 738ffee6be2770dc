"""Where a request comes from."""

from __future__ import annotations

from ipaddress import ip_address

from starlette.requests import Request


def peer(request: Request) -> str | None:
    """Return the caller's IP address; None when a trusted proxy passes on something else."""
    if request.client is None:
        return None
    try:
        # The name of a network interface after an address of its own network means nothing elsewhere.
        return str(ip_address(request.client.host.partition("%")[0]))
    except ValueError:
        return None
