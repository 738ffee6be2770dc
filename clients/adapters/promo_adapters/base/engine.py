"""The engine as an adapter sees it: one client per request, with the key that came with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from promo.client import PromoClient, Timeouts, Transport

HEALTH_METHOD: Final = "/grpc.health.v1.Health/Check"
_SERVING: Final = b"\x08\x01"
_HEALTH_SECONDS: Final = 1.0

ANSWER_SECONDS: Final = 1.4
"""Time for one call. Who renders a message waits two seconds for the whole answer, and then shows nothing."""

DETAIL_SECONDS: Final = 0.4
"""Time for a call that an answer can do without; it comes on top."""

Health = Callable[[], Awaitable[bool]]

Transports = Callable[[str | None], Transport]
"""Returns what carries the calls that are made for an IP address, None for an unknown one."""


class Engine:
    """Makes clients, which are cheap. No key outlives its request."""

    def __init__(self, transports: Transports) -> None:
        """Call through what `transports` returns, which is not closed here."""
        self._transports = transports
        self._timeouts = Timeouts(hot=ANSWER_SECONDS, batch=ANSWER_SECONDS, managed=ANSWER_SECONDS)

    def client(self, key: str, peer: str | None) -> PromoClient:
        """Return a client with the API key `key`, "id:token", for a caller at the IP address `peer`."""
        return PromoClient(self._transports(peer), key=key, timeouts=self._timeouts)


def remote_health(transport: Transport) -> Health:
    """Return a question that asks a server over the network whether it serves."""

    async def serves() -> bool:
        return await transport.unary(HEALTH_METHOD, {}, b"", _HEALTH_SECONDS) == _SERVING

    return serves
