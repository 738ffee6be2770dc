"""The connection to the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import structlog
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ReadOnlyError, RedisError, ResponseError

from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason

_LOG = structlog.get_logger(__name__)

_CONNECTIONS = 16

_LOOK_SECONDS = 1.0
"""Between two looks at the role of the server at the other end of a connection."""

_Answer = TypeVar("_Answer")


def connect(url: str, *, timeout_seconds: float = 2.0) -> Redis:
    """Return a client of `redis://`, `rediss://` or `unix://`.

    It never repeats a command on its own: a repeated write could happen twice. Waits end after `timeout_seconds`.
    A server that has become a replica is given up, with every connection: the address may lead to another one by now.
    """
    retry = _Once()
    pool = _PrimaryPool.from_url(
        url,
        max_connections=_CONNECTIONS,
        timeout=timeout_seconds,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=retry,
        redis_connect_func=_greet,
        decode_responses=False,
    )
    retry.pool = pool
    return Redis.from_pool(pool)


class _PrimaryPool(BlockingConnectionPool):
    """Gives out connections to a primary only.

    A replica answers what only reads, and one that was cut off goes on telling what was true then.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - as the library has it
        super().__init__(**options)
        self._next_look: WeakKeyDictionary[AbstractConnection, float] = WeakKeyDictionary()

    async def ensure_connection(self, connection: AbstractConnection) -> None:
        """Connect it, and look who is there now and then; fails with `ReadOnlyError` when that is a replica."""
        await super().ensure_connection(connection)
        now = asyncio.get_running_loop().time()
        if now < self._next_look.get(connection, 0.0):
            return
        try:
            await _refuse_replica(connection)
        except ReadOnlyError:
            await _leave(self)
            raise
        self._next_look[connection] = now + _LOOK_SECONDS


class _Once(Retry):
    """Makes each attempt once; one for all connections of a pool."""

    def __init__(self) -> None:
        super().__init__(NoBackoff(), 0)
        self.pool: ConnectionPool | None = None

    def __deepcopy__(self, _memo: object) -> _Once:
        """Return the same: the library makes a copy for each connection."""
        return self

    async def call_with_retry(
        self,
        do: Callable[[], Awaitable[_Answer]],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,  # noqa: FBT001, FBT002 - as the library has it
    ) -> _Answer:
        """Return the answer; give the server up when it has become a replica."""
        try:
            return await super().call_with_retry(do, fail, is_retryable, with_failure_count)
        except ReadOnlyError:
            if self.pool is not None:
                await _leave(self.pool)
            raise


async def _greet(connection: AbstractConnection) -> None:
    """Begin a connection, unless it leads to a replica."""
    await connection.on_connect()
    await _refuse_replica(connection)


async def _refuse_replica(connection: AbstractConnection) -> None:
    """Fail with `ReadOnlyError` when the server says that it is a replica."""
    await connection.send_command("ROLE")
    try:
        role = await connection.read_response()
    except ResponseError:
        # Not every user may ask, and not every proxy passes it on; then the first write tells.
        return
    if role[0] == b"slave":
        raise ReadOnlyError("the server is a replica")


async def _leave(pool: ConnectionPool) -> None:
    """Close every connection, those in use when they come back."""
    await pool.update_active_connections_for_reconnect()  # type: ignore[no-untyped-call]
    await pool.disconnect(inuse_connections=False)


@asynccontextmanager
async def store_errors() -> AsyncIterator[None]:
    """Turn every trouble with the store into STORE_UNAVAILABLE."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        _LOG.warning("store.unavailable", error=str(error))
        raise DomainError(Reason.STORE_UNAVAILABLE) from error


async def send_packed(client: Redis, commands: bytes, count: int) -> Sequence[Any]:
    """Have the store do `count` commands that are packed already, and return its answers.

    Refuse with STORE_UNAVAILABLE when one fails.

    To pack a hundred thousand arguments one by one would hold up everything else of this process.
    """
    async with store_errors():
        connection = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            await connection.send_packed_command(commands)
            answers: list[Any] = []
            failed: ResponseError | None = None
            for _ in range(count):
                try:
                    answers.append(await connection.read_response())
                except ResponseError as error:
                    failed = error
            if isinstance(failed, ReadOnlyError):
                await _leave(client.connection_pool)
            if failed is not None:
                raise failed
            return answers
        finally:
            await client.connection_pool.release(connection)
