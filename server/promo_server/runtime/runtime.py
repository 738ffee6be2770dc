"""An embedded data plane: calls in this process and the server on the public port."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping

from google.rpc import error_details_pb2, status_pb2

from promo_server import _native
from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason
from promo_server.runtime import events

_POLL_SECONDS = 0.02


class CallFailedError(Exception):
    """A call was refused; `status` is the encoded google.rpc.Status."""

    def __init__(self, status: bytes) -> None:
        """Carry `status` to whoever made the call."""
        super().__init__("the call was refused")
        self.status = status


class Runtime:
    """An engine and, once `serve` was called, a server.

    Making one starts the engine, which connects to its store in the background: calls before that fail with
    STORE_UNAVAILABLE. No method holds the interpreter while the data plane works.
    """

    def __init__(self, config: Mapping[str, object]) -> None:
        """Start the engine. `config` is what data_plane.runtime_config returns; it has the master secret."""
        events.listen()
        self._native = _native.Runtime(json.dumps(config))

    async def serve(self) -> str:
        """Start to listen and return the address. Raise RuntimeError when that is not possible."""
        return await asyncio.to_thread(self._native.serve)

    async def call(
        self,
        method: str,
        metadata: Mapping[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 - the deadline goes along
        peer: str | None = None,
    ) -> bytes:
        """Return the encoded answer to a unary call, exactly as the port would give it.

        `method` is a path such as "/promo.v1.RedemptionService/Redeem", `timeout` is in seconds, `peer` is the IP
        address of whoever the call is made for: wrong keys count against it, as those at the port do. Raise
        CallFailedError when the call is refused. Cancelling the caller cancels the call, which undoes nothing.
        """
        deadline_ms = max(1, int(timeout * 1000))
        return await _completion(
            lambda done: self._native.call(method, list(metadata.items()), body, deadline_ms, peer, done),
        )

    async def sweep(self) -> int:
        """Give back what overdue holds hold; return how many were found.

        Raise DomainError where the data plane names a reason, as it does while the store is away.
        """
        try:
            return int(await _completion(self._native.sweep))
        except CallFailedError as error:
            reason = _reason_of(error.status)
            if reason in {None, Reason.INTERNAL}:
                raise
            raise DomainError(reason) from error

    def metrics(self) -> str:
        """Return the metrics of the data plane, as Prometheus text."""
        return self._native.metrics()

    def healthy(self) -> bool:
        """Return whether the store answers."""
        return self._native.healthy()

    async def until_healthy(self, seconds: float) -> None:
        """Return when the store answers, or after a time: a store that is away can wait."""
        deadline = time.monotonic() + seconds
        while not self.healthy() and time.monotonic() < deadline:  # noqa: ASYNC110 - nothing tells when it did
            await asyncio.sleep(_POLL_SECONDS)

    async def drain(self, grace_seconds: float) -> None:
        """Let calls in flight finish within a time, then stop for good."""
        await asyncio.to_thread(self._native.drain, int(grace_seconds * 1000))


def _reason_of(status: bytes) -> Reason | None:
    info = error_details_pb2.ErrorInfo()
    for detail in status_pb2.Status.FromString(status).details:
        if detail.Unpack(info):
            return Reason.__members__.get(info.reason)
    return None


async def _completion(start: Callable[[Callable[[bool, bytes], None]], _native.Pending]) -> bytes:
    """Return what the native side reports, which it does from a thread of its own."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[bytes] = loop.create_future()

    def settle(succeeded: bool, answer: bytes) -> None:  # noqa: FBT001 - the native side passes values, not names
        if future.done():
            return
        if succeeded:
            future.set_result(answer)
        else:
            future.set_exception(CallFailedError(answer))

    def report(succeeded: bool, answer: bytes) -> None:  # noqa: FBT001 - as above
        # The loop may have ended while the call was under way; then nobody waits for the answer.
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, succeeded, answer)

    pending = start(report)
    try:
        return await future
    except asyncio.CancelledError:
        pending.cancel()
        raise
