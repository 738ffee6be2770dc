"""What happens round every call: identity before, statuses after."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import structlog
from grpc_status import rpc_status

from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason
from promo_server.rpc import health, identity, status

_LOG = structlog.get_logger(__name__)


async def _abort(context: grpc.aio.ServicerContext[Any, Any], method: str, call_id: str, error: Exception) -> None:
    """End the call: a refusal with its reason, anything else as INTERNAL with no more than the call's id."""
    if isinstance(error, DomainError):
        refusal = status.status_of(error)
    else:
        _LOG.error("call.failed", method=method, call=call_id, exc_info=error)
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
        wrap = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(_streaming(handler.unary_stream, method), **wrap)
        return grpc.unary_unary_rpc_method_handler(_unary(handler.unary_unary, method), **wrap)


def _enter(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    caller = identity.caller_from(context.invocation_metadata() or ())
    identity.enter(caller)
    return caller.call_id


def _unary(behaviour: Any, method: str) -> Any:  # noqa: ANN401 - grpc's handlers have no type
    async def call(request: object, context: grpc.aio.ServicerContext[Any, Any]) -> object:
        call_id = ""
        try:
            call_id = _enter(context)
            return await behaviour(request, context)
        except Exception as error:
            await _abort(context, method, call_id, error)
            raise

    return call


def _streaming(behaviour: Any, method: str) -> Any:  # noqa: ANN401 - grpc's handlers have no type
    async def call(request: object, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[object]:
        call_id = ""
        try:
            call_id = _enter(context)
            async for answer in behaviour(request, context):
                yield answer
        except Exception as error:
            await _abort(context, method, call_id, error)
            raise

    return call
