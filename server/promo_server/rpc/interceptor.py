"""What happens round every call: identity before, statuses after."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import structlog
from google.protobuf.message import DecodeError
from grpc_status import rpc_status

from promo_server.domain.errors import DomainError, FieldsInvalidError, Violation
from promo_server.domain.reasons import Reason
from promo_server.rpc import health, identity, status
from promo_server.services.ports import DataRefusedError

_LOG = structlog.get_logger(__name__)
_REFUSED_DATA = Violation("request", "has a value that the database does not take, a NUL character for instance")


async def _abort(context: grpc.aio.ServicerContext[Any, Any], method: str, call_id: str, error: Exception) -> None:
    """End the call: a refusal with its reason, anything else as INTERNAL with no more than the call's id."""
    if isinstance(error, DomainError):
        refusal = status.status_of(error)
    elif isinstance(error, DataRefusedError):
        # A check is missing where the value came in; it is the caller's all the same, and a repeat fails too.
        _LOG.error("call.data_refused", method=method, call_id=call_id, error=str(error))
        refusal = status.status_of(FieldsInvalidError((_REFUSED_DATA,)))
    else:
        _LOG.error("call.failed", method=method, call_id=call_id, exc_info=error)
        refusal = status.build(Reason.INTERNAL, {"request": call_id})
    await context.abort_with_status(rpc_status.to_status(refusal))


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Establishes the caller and turns exceptions into statuses, for unary and for streaming answers."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Return the method's handler with both round it."""
        handler = await continuation(handler_call_details)
        if handler is None or handler_call_details.method.startswith(f"/{health.SERVICE}/"):
            return handler
        method = handler_call_details.method
        # Requests are read within the call: where grpc reads them, bytes that are none end in UNKNOWN without a reason.
        read, write = handler.request_deserializer, handler.response_serializer
        if handler.unary_stream is not None:
            streaming = _streaming(handler.unary_stream, method, read)
            return grpc.unary_stream_rpc_method_handler(streaming, response_serializer=write)
        unary = _unary(handler.unary_unary, method, read)
        return grpc.unary_unary_rpc_method_handler(unary, response_serializer=write)


def _enter(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    caller = identity.caller_from(context.invocation_metadata() or ())
    identity.enter(caller)
    return caller.call_id


def _read(read: Callable[[bytes], object] | None, body: bytes) -> object:
    try:
        return body if read is None else read(body)
    except DecodeError as error:
        raise FieldsInvalidError((Violation("request", f"is no such message: {error}"),)) from None


def _unary(behaviour: Any, method: str, read: Any) -> Any:  # noqa: ANN401 - grpc's handlers have no type
    async def call(body: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> object:
        call_id = ""
        try:
            call_id = _enter(context)
            return await behaviour(_read(read, body), context)
        except Exception as error:
            await _abort(context, method, call_id, error)
            raise

    return call


def _streaming(behaviour: Any, method: str, read: Any) -> Any:  # noqa: ANN401 - grpc's handlers have no type
    async def call(body: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[object]:
        call_id = ""
        try:
            call_id = _enter(context)
            async for answer in behaviour(_read(read, body), context):
                yield answer
        except Exception as error:
            await _abort(context, method, call_id, error)
            raise

    return call
