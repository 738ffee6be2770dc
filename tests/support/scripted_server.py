"""A real gRPC server that gives prepared answers, for tests of the client."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self

import grpc
import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from promo.client.methods import Method
from promo.client.reasons import Reason

CODES = {code.value[0]: code for code in grpc.StatusCode}
ROUNDED_UP = 1.05
"""By how much more a deadline may arrive: gRPC sends few digits of it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Refuse:
    """An answer that fails the call."""

    status: status_pb2.Status
    rich: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Hang:
    """An answer that never comes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One call as it arrived."""

    body: bytes
    metadata: Mapping[str, str | bytes]
    seconds_left: float | None


Answer = Message | Refuse | Hang | Sequence["Answer"]


def refusal(
    reason: Reason,
    *,
    metadata: Mapping[str, str] | None = None,
    retry_after: float | None = None,
    violations: Mapping[str, str] | None = None,
) -> Refuse:
    """Return the answer of an engine that refuses a call for `reason`."""
    status = status_pb2.Status(code=reason.detail.grpc_code, message=f"refused: {reason.name}")
    status.details.add().Pack(
        error_details_pb2.ErrorInfo(reason=reason.name, domain="promo", metadata=metadata),
    )
    if retry_after is not None:
        delay = Duration()
        delay.FromMilliseconds(round(retry_after * 1000))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    if violations:
        bad_request = error_details_pb2.BadRequest()
        for field, description in violations.items():
            bad_request.field_violations.add(field=field, description=description)
        status.details.add().Pack(bad_request)
    return Refuse(status)


class ScriptedServer(grpc.GenericRpcHandler):
    """Answers each call of a method with the next answer prepared for it.

    The last answer is given again to every further call. A sequence is the
    answer of a streaming method; it may end with a refusal.
    """

    def __init__(self, port: int = 0, credentials: grpc.ServerCredentials | None = None) -> None:
        self.address = ""
        self.abandoned = asyncio.Event()
        """Set once a caller has gone away from an answer that hangs."""
        self._port = port
        self._credentials = credentials
        self.calls: dict[str, list[Call]] = {}
        self._answers: dict[str, list[Answer]] = {}
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((self,))

    async def __aenter__(self) -> Self:
        address = f"127.0.0.1:{self._port}"
        if self._credentials is None:
            port = self._server.add_insecure_port(address)
        else:
            port = self._server.add_secure_port(address, self._credentials)
        self.address = f"127.0.0.1:{port}"
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(grace=None)

    def script(self, method: Method[Any, Any], *answers: Answer) -> None:
        """Prepare the answers of a method."""
        self._answers[method.path] = list(answers)

    def requests(self, method: Method[Any, Any]) -> list[Any]:
        """Return the requests that the method got, in order of arrival."""
        return [method.request.FromString(call.body) for call in self.calls.get(method.path, [])]

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """Return the handler of a path that has answers."""
        path = details.method
        if path not in self._answers:
            return None

        async def unary(body: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            answer = self._next(path, body, context)
            if isinstance(answer, Message):
                return answer.SerializeToString()
            return await self._fail(answer, context)

        async def stream(body: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> AsyncIterator[bytes]:
            answers = self._next(path, body, context)
            assert isinstance(answers, Sequence)
            for answer in answers:
                if isinstance(answer, Message):
                    yield answer.SerializeToString()
                else:
                    yield await self._fail(answer, context)

        if isinstance(self._answers[path][0], Sequence):
            return grpc.unary_stream_rpc_method_handler(stream)
        return grpc.unary_unary_rpc_method_handler(unary)

    def _next(self, path: str, body: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> Answer:
        call = Call(body, dict(context.invocation_metadata() or ()), context.time_remaining())
        self.calls.setdefault(path, []).append(call)
        answers = self._answers[path]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def _fail(self, answer: Answer, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        if isinstance(answer, Hang):
            try:
                await asyncio.Event().wait()
            finally:
                self.abandoned.set()
        assert isinstance(answer, Refuse)
        trailing: list[tuple[str, str | bytes]] = [("promo-call-id", "call_17")]
        if answer.rich:
            trailing.append(("grpc-status-details-bin", answer.status.SerializeToString()))
        context.set_trailing_metadata(tuple(trailing))
        await context.abort(CODES[answer.status.code], answer.status.message)
