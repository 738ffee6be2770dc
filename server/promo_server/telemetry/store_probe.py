"""Asks the store whether it is there, from the thread that answers /healthz."""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

_SECONDS = 1.0


class StoreProbe:
    """Pings one store; safe to call from several threads at once."""

    def __init__(self, url: str) -> None:
        self._client = Redis.from_url(
            url,
            socket_timeout=_SECONDS,
            socket_connect_timeout=_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )

    def __call__(self) -> bool:
        """Return whether the store answers within a second."""
        try:
            return bool(self._client.ping())
        except (RedisError, OSError):
            return False

    def close(self) -> None:
        """Close its connections."""
        self._client.close()
