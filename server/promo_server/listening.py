"""Listening sockets of this process, and what is said of an address that cannot be had."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Mapping
from contextlib import ExitStack

_BACKLOG = 2_048
_PATIENCE_SECONDS = 3.0
_POLL_SECONDS = 0.05

_REMEDIES = {
    "grpc.listen": "--listen",
    "http.listen": "--rest-listen",
    "telemetry.listen": "--metrics-listen",
    "punchh.listen": "PROMO_PUNCHH__LISTEN",
}
"""What changes the address of each setting."""


class AddressError(Exception):
    """An address that a server was to listen on and cannot; the text says which, why, and what changes it."""

    def __init__(self, setting: str, address: str, error: OSError) -> None:
        # asyncio and socket wrap the system's own text into longer ones; a name that is not found has a text alone.
        number = error.errno or 0
        reason = os.strerror(number) if number in errno.errorcode else error.strerror or str(error)
        super().__init__(f"{setting} {address}: {reason}; choose another address with {_REMEDIES[setting]}")


async def listen(setting: str, address: str) -> socket.socket:
    """Return a socket that listens. What a killed server has left needs a moment to let go of the address."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
    while True:
        try:
            return socket.create_server((host, int(port)), family=family, backlog=_BACKLOG)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or asyncio.get_running_loop().time() > deadline:
                raise AddressError(setting, address, error) from None
        await asyncio.sleep(_POLL_SECONDS)


async def require_free(addresses: Mapping[str, str]) -> None:
    """Return when every address, by its setting, can be listened on; they are free again afterwards."""
    with ExitStack() as stack:
        # All at once: two settings may have the same one.
        for setting, address in addresses.items():
            stack.enter_context(await listen(setting, address))
