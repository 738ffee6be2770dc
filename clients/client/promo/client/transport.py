"""What carries a call: bytes to a method's path, bytes back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol


class Transport(Protocol):
    """Carries calls to the engine.

    A refused or failed call raises PromoError. Nothing is tried twice here: the
    client decides about that. Cancelling the caller cancels the call.
    """

    async def unary(
        self,
        path: str,
        metadata: Mapping[str, str],
        body: bytes,
        timeout: float,
    ) -> bytes:
        """Return the encoded answer of `path`, "/promo.v1.Service/Method".

        Raises DeadlineExceededError when there is none after `timeout` seconds.
        """
        ...

    def stream(
        self,
        path: str,
        metadata: Mapping[str, str],
        body: bytes,
        timeout: float | None,
    ) -> AsyncIterator[bytes]:
        """Yield the encoded answers of a server-streaming method, in order.

        `timeout` bounds the whole stream; None leaves it unbounded.
        """
        ...

    async def close(self) -> None:
        """Let go of connections; calls in flight fail."""
        ...
