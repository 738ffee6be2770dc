from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from promo_server.telemetry.interceptor import CallTimer
from promo_server.telemetry.metrics import ControlPlaneMetrics

Context = grpc.aio.ServicerContext[Any, Any]


class Handler(grpc.GenericRpcHandler):
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        coding = {"request_deserializer": Empty.FromString, "response_serializer": Empty.SerializeToString}
        match handler_call_details.method:
            case "/t/Good":
                return grpc.unary_unary_rpc_method_handler(good, **coding)
            case "/t/Refused":
                return grpc.unary_unary_rpc_method_handler(refused, **coding)
            case "/t/Stream":
                return grpc.unary_stream_rpc_method_handler(stream, **coding)
            case _:
                return None


async def good(_request: Empty, _context: Context) -> Empty:
    return Empty()


async def refused(_request: Empty, context: Context) -> Empty:
    await context.abort(grpc.StatusCode.NOT_FOUND, "no")
    return Empty()


async def stream(_request: Empty, context: Context) -> AsyncIterator[Empty]:
    yield Empty()
    await context.abort(grpc.StatusCode.ABORTED, "stop")


@pytest.mark.asyncio
async def test_every_call_is_counted_by_method_and_code(tmp_path: Path) -> None:
    metrics = ControlPlaneMetrics()
    server = grpc.aio.server(interceptors=[CallTimer(metrics)])
    server.add_generic_rpc_handlers((Handler(),))
    target = f"unix:{tmp_path / 's'}"
    server.add_insecure_port(target)
    await server.start()
    coding = {"request_serializer": Empty.SerializeToString, "response_deserializer": Empty.FromString}
    async with grpc.aio.insecure_channel(target) as channel:
        await channel.unary_unary("/t/Good", **coding)(Empty())
        for method in ("/t/Refused", "/t/Unknown"):
            with pytest.raises(grpc.aio.AioRpcError):
                await channel.unary_unary(method, **coding)(Empty())
        with pytest.raises(grpc.aio.AioRpcError):
            [_ async for _ in channel.unary_stream("/t/Stream", **coding)(Empty())]
    await server.stop(1)
    counts = {
        (sample.labels["method"], sample.labels["code"]): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "promo_control_call_seconds_count"
    }
    assert counts == {("/t/Good", "OK"): 1, ("/t/Refused", "NOT_FOUND"): 1, ("/t/Stream", "ABORTED"): 1}
