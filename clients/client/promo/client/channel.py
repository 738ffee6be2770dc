"""The transport over the network: a gRPC channel."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Mapping
from typing import Final

import grpc
import grpc.aio

from promo.client import status
from promo.client.errors import PromoError

MESSAGE_LIMIT_BYTES: Final = 64 * 1024 * 1024

OPTIONS: Final[tuple[tuple[str, int], ...]] = (
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


@dataclasses.dataclass(frozen=True, slots=True)
class Tls:
    """How the channel is secured. The default trusts the system's authorities."""

    root_certificates: bytes | None = None
    """PEM of the authorities to trust instead of the system's."""
    certificate_chain: bytes | None = None
    """PEM of the client's own certificate, for mutual TLS."""
    private_key: bytes | None = None
    """PEM of the key of that certificate."""
    server_name: str | None = None
    """Name to expect in the server's certificate where it is not the target's."""


class ChannelTransport:
    """A gRPC channel to one address. Made inside the event loop that uses it."""

    def __init__(self, target: str, tls: Tls | None = None) -> None:
        """Connect in the background to `target`, "host:port" or a gRPC URI."""
        if tls is None:
            self._channel = grpc.aio.insecure_channel(target, options=OPTIONS)
        else:
            credentials = grpc.ssl_channel_credentials(
                root_certificates=tls.root_certificates,
                private_key=tls.private_key,
                certificate_chain=tls.certificate_chain,
            )
            options: list[tuple[str, int | str]] = [*OPTIONS]
            if tls.server_name is not None:
                options.append(("grpc.ssl_target_name_override", tls.server_name))
            self._channel = grpc.aio.secure_channel(target, credentials, options=options)
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
            raise _to_error(error) from error

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
            raise _to_error(error) from error
        finally:
            # An abandoned stream would otherwise stay open on the server.
            call.cancel()

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()


def _to_error(error: grpc.aio.AioRpcError) -> PromoError:
    """Return the exception of a failed call."""
    trailing = _values(error.trailing_metadata())
    details = trailing.get(status.DETAILS_KEY)
    number: int = error.code().value[0]
    parsed = status.parse(
        details if isinstance(details, bytes) else None,
        number,
        error.details() or error.code().name,
    )
    call_id = trailing.get(status.CALL_ID_KEY) or _values(error.initial_metadata()).get(
        status.CALL_ID_KEY,
    )
    return status.to_error(parsed, call_id if isinstance(call_id, str) else None)


def _values(metadata: grpc.aio.Metadata | None) -> dict[str, str | bytes]:
    return dict(metadata) if metadata is not None else {}
