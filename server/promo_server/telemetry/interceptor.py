"""Counts the control plane's calls and times them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from promo_server.telemetry.metrics import ControlPlaneMetrics

_CODES = {code.value[0]: code.name for code in grpc.StatusCode}

Context = grpc.aio.ServicerContext[Any, Any]


class CallTimer(grpc.aio.ServerInterceptor):
    """Stands before every other interceptor, so that it sees how a call ended."""

    def __init__(self, metrics: ControlPlaneMetrics) -> None:
        self._metrics = metrics

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Return the method's handler with a clock round it."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method
        coding = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(self._stream(handler.unary_stream, method), **coding)
        return grpc.unary_unary_rpc_method_handler(self._unary(handler.unary_unary, method), **coding)

    def _unary(self, behaviour: Any, method: str) -> Any:  # noqa: ANN401 - grpc's handlers have no type
        async def call(request: object, context: Context) -> object:
            started = time.perf_counter()
            try:
                return await behaviour(request, context)
            finally:
                self._observe(method, context, started)

        return call

    def _stream(self, behaviour: Any, method: str) -> Any:  # noqa: ANN401 - grpc's handlers have no type
        async def call(request: object, context: Context) -> AsyncIterator[object]:
            started = time.perf_counter()
            try:
                async for answer in behaviour(request, context):
                    yield answer
            finally:
                self._observe(method, context, started)

        return call

    def _observe(self, method: str, context: Context, started: float) -> None:
        code = "CANCELLED" if context.cancelled() else _name(context.code())
        self._metrics.observe_call(method, code, time.perf_counter() - started)


def _name(code: object) -> str:
    """Return the name of a code, which grpc declares as an enum and hands out as its number."""
    if isinstance(code, grpc.StatusCode):
        return code.name
    return _CODES.get(code, "UNKNOWN") if isinstance(code, int) else "OK"
