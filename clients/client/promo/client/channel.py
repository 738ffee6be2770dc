"""The transport over the network: a gRPC channel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Final

import grpc
import grpc.aio

from promo.client import status
from promo.client.address import checked_target
from promo.client.errors import PromoError
from promo.client.tls import Tls

MESSAGE_LIMIT_BYTES: Final = 64 * 1024 * 1024

OPTIONS: Final[tuple[tuple[str, int | str], ...]] = (
    # The answer to a batch of 1,000 may pass gRPC's own limit of 4 MiB.
    ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
    # gRPC waits up to two minutes before it connects again; a checkout cannot.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Finds out about a connection that a router has dropped silently.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)


def options(tls: Tls | None) -> tuple[tuple[str, int | str], ...]:
    """Return the options of a channel that is secured so."""
    if tls is None or tls.server_name is None:
        return OPTIONS
    return (*OPTIONS, ("grpc.ssl_target_name_override", tls.server_name))


def credentials(tls: Tls) -> grpc.ChannelCredentials:
    """Return what secures a channel."""
    return grpc.ssl_channel_credentials(
        root_certificates=tls.root_certificates,
        private_key=tls.private_key,
        certificate_chain=tls.certificate_chain,
    )


class ChannelTransport:
    """A gRPC channel to one address. Made inside the event loop that uses it."""

    def __init__(self, target: str, tls: Tls | None = None) -> None:
        """Connect in the background to `target`, "host:port" or a gRPC URI; raises ValueError for anything else."""
        target = checked_target(target)
        if tls is None:
            self._channel = grpc.aio.insecure_channel(target, options=options(None))
        else:
            self._channel = grpc.aio.secure_channel(target, credentials(tls), options=options(tls))
        self._unary: dict[str, grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]] = {}

    async def unary(
        self,
        path: str,
        metadata: Mapping[str, str],
        body: bytes,
        timeout: float,
    ) -> bytes:
        """Return the answer of a unary method."""
        method = self._unary.get(path)
        if method is None:
            method = self._unary[path] = self._channel.unary_unary(path)
        try:
            return await method(body, timeout=timeout, metadata=tuple(metadata.items()))
        except grpc.aio.AioRpcError as error:
            raise _to_error(error) from None

    async def stream(
        self,
        path: str,
        metadata: Mapping[str, str],
        body: bytes,
        timeout: float | None,
    ) -> AsyncIterator[bytes]:
        """Yield the answers of a server-streaming method."""
        method: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = self._channel.unary_stream(path)
        call = method(body, timeout=timeout, metadata=tuple(metadata.items()))
        try:
            async for answer in call:
                yield answer
        except grpc.aio.AioRpcError as error:
            raise _to_error(error) from None
        finally:
            # An abandoned stream would otherwise stay open on the server.
            call.cancel()

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()


def to_error(
    code: grpc.StatusCode,
    message: str | None,
    initial: Iterable[tuple[str, str | bytes]] | None,
    trailing: Iterable[tuple[str, str | bytes]] | None,
) -> PromoError:
    """Return the exception of a failed call, from its status and the metadata of its answer."""
    ending = dict(trailing or ())
    details = ending.get(status.DETAILS_KEY)
    number: int = code.value[0]
    parsed = status.parse(details if isinstance(details, bytes) else None, number, message or code.name)
    call_id = ending.get(status.CALL_ID_KEY) or dict(initial or ()).get(status.CALL_ID_KEY)
    return status.to_error(parsed, call_id if isinstance(call_id, str) else None)


def _to_error(error: grpc.aio.AioRpcError) -> PromoError:
    failure = to_error(error.code(), error.details(), error.initial_metadata(), error.trailing_metadata())
    failure.origin = error
    return failure
