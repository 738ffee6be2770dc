"""The transport over the network for threads: a gRPC channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Self, cast

import grpc

from promo.client.address import checked_target
from promo.client.channel import credentials, options, to_error
from promo.client.errors import PromoError
from promo.client.tls import Tls


class ChannelTransport:
    """A gRPC channel to one address, for any number of threads."""

    def __init__(self, target: str, tls: Tls | None = None) -> None:
        """Connect in the background to `target`, "host:port" or a gRPC URI; raises ValueError for anything else."""
        target = checked_target(target)
        if tls is None:
            self._channel = grpc.insecure_channel(target, options=options(None))
        else:
            self._channel = grpc.secure_channel(target, credentials(tls), options=options(tls))
        self._unary: dict[str, grpc.UnaryUnaryMultiCallable[bytes, bytes]] = {}

    def unary(
        self,
        path: str,
        metadata: Mapping[str, str],
        body: bytes,
        timeout: float,
    ) -> bytes:
        """Return the answer of a unary method."""
        method = self._unary.get(path)
        if method is None:
            # Two threads may both make it: either one will do.
            method = self._unary[path] = self._channel.unary_unary(path)
        try:
            return method(body, timeout=timeout, metadata=tuple(metadata.items()))
        except grpc.RpcError as error:
            raise _to_error(error) from None

    def stream(
        self,
        path: str,
        metadata: Mapping[str, str],
        body: bytes,
        timeout: float | None,
    ) -> Iterator[bytes]:
        """Return the answers of a server-streaming method."""
        method: grpc.UnaryStreamMultiCallable[bytes, bytes] = self._channel.unary_stream(path)
        call = method(body, timeout=timeout, metadata=tuple(metadata.items()))
        return _Answers(iter(call), call)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


class _Answers:
    """The answers of a stream. Another thread may cancel it, which a generator does not allow."""

    def __init__(self, answers: Iterator[bytes], call: grpc.Call) -> None:
        self._answers = answers
        self._call = call

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._answers)
        except grpc.RpcError as error:
            raise _to_error(error) from None

    def cancel(self) -> None:
        """End the stream; an abandoned one would stay open on the server."""
        self._call.cancel()

    close = cancel


def _to_error(error: grpc.RpcError) -> PromoError:
    # Every failure of a call is also the call; grpc's type of that is private.
    call = cast("grpc.Call", error)
    failure = to_error(call.code(), call.details(), call.initial_metadata(), call.trailing_metadata())
    failure.origin = error
    return failure
