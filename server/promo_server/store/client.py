"""The connection to the store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason

_LOG = structlog.get_logger(__name__)

_CONNECTIONS = 16


def connect(url: str, *, timeout_seconds: float = 2.0) -> Redis:
    """Return a client of `redis://`, `rediss://` or `unix://`.

    It never repeats a command on its own: a repeated write could happen twice. Waits end after `timeout_seconds`.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=_CONNECTIONS,
        timeout=timeout_seconds,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 0),
        decode_responses=False,
    )
    return Redis.from_pool(pool)


@asynccontextmanager
async def store_errors() -> AsyncIterator[None]:
    """Turn every trouble with the store into STORE_UNAVAILABLE."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        _LOG.warning("store.unavailable", error=str(error))
        raise DomainError(Reason.STORE_UNAVAILABLE) from error
