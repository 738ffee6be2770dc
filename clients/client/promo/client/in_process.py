"""The transport without a network: an engine inside this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from promo.client import exceptions, status


class Runtime(Protocol):
    """An embedded engine: what promo_server.runtime offers."""

    async def call(
        self,
        method: str,
        metadata: Mapping[str, str],
        body: bytes,
        timeout: float,
        peer: str | None = None,
    ) -> bytes:
        """Return the encoded answer, exactly as the port would.

        `peer` is the IP address of whoever the call is made for. A refused call
        raises an exception whose attribute `status` is the encoded
        google.rpc.Status.
        """
        ...


class InProcessTransport:
    """Calls an engine in the same process. It has no streams.

    The runtime belongs to who made it: closing this transport leaves it alone.
    """

    def __init__(self, runtime: Runtime, peer: str | None = None) -> None:
        """Carry every call to `runtime`.

        A process that calls for others says for whom: `peer` is an IP address,
        and wrong keys count against it as those at the server's port do.
        """
        self._runtime = runtime
        self._peer = peer

    async def unary(
        self,
        path: str,
        metadata: Mapping[str, str],
        body: bytes,
        timeout: float,
    ) -> bytes:
        """Return the answer of a unary method."""
        try:
            # The runtime has the deadline too, but a caller must not hang on
            # one that fails to keep it.
            async with asyncio.timeout(timeout):
                return await self._runtime.call(path, metadata, body, timeout, self._peer)
        except TimeoutError:
            message = f"no answer within {timeout:.3f} s"
            raise status.deadline_exceeded(message) from None
        except Exception as error:
            encoded = getattr(error, "status", None)
            if not isinstance(encoded, bytes):
                raise
            parsed = status.parse(encoded, status.UNKNOWN, str(error))
            failure = status.to_error(parsed)
            failure.origin = error
            raise failure from None

    def stream(
        self,
        path: str,
        metadata: Mapping[str, str],
        body: bytes,
        timeout: float | None,
    ) -> AsyncIterator[bytes]:
        """Refuse: an embedded engine answers unary methods only."""
        del metadata, body, timeout
        message = f"{path} streams; use a client connected to a server"
        raise exceptions.UnimplementedError(message, status=12)

    async def close(self) -> None:
        """Do nothing."""
