"""Spans, metrics and trace context of calls, read back from OpenTelemetry's own SDK."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id
from support.scripted_server import Hang, ScriptedServer, refusal

from promo.client import PromoClient, Reason, RetryPolicy, SyncPromoClient, exceptions, methods, order
from promo.client.otel import OpenTelemetryHook
from promo.v1.code_service_pb2 import ExportCodesResponse
from promo.v1.redemption_pb2 import Redemption

pytestmark = pytest.mark.asyncio

CART = order("GBP", amount=1000)
REDEEM = "promo.v1.RedemptionService/Redeem"


class Telemetry:
    """The SDK with everything kept in memory."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider([self._reader])
        self.hook = OpenTelemetryHook(self.tracers, self.meters)

    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def points(self, name: str) -> list[Any]:
        data = self._reader.get_metrics_data()
        assert data is not None
        found = [metric for part in data.resource_metrics for scope in part.scope_metrics for metric in scope.metrics]
        return [point for metric in found if metric.name == name for point in metric.data.data_points]


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    made = Telemetry()
    yield made
    made.tracers.shutdown()
    made.meters.shutdown()


@pytest_asyncio.fixture
async def watched(server: ScriptedServer, telemetry: Telemetry) -> AsyncIterator[PromoClient]:
    policy = RetryPolicy(attempts=3, first_delay=0.001, longest_delay=0.002)
    async with PromoClient.connect(server.address, key="id:token", retry=policy, hook=telemetry.hook) as client:
        yield client


async def test_a_call_is_one_span_whose_context_travels_with_it(
    server: ScriptedServer,
    telemetry: Telemetry,
    watched: PromoClient,
) -> None:
    server.script(methods.REDEEM, Redemption(id="r_1"))
    with telemetry.tracers.get_tracer("shop").start_as_current_span("checkout") as parent:
        await watched.redeem(codes=["A"], order=CART)
    span, _ = telemetry.spans()
    assert (span.name, span.kind) == (REDEEM, SpanKind.CLIENT)
    assert span.parent is not None
    assert span.parent.span_id == parent.get_span_context().span_id
    assert dict(span.attributes or {}) == {
        "rpc.system.name": "grpc",
        "rpc.method": REDEEM,
        "rpc.response.status_code": "OK",
    }
    [call] = server.calls[methods.REDEEM.path]
    context = span.get_span_context()
    assert context is not None
    trace_id, span_id = format_trace_id(context.trace_id), format_span_id(context.span_id)
    # The flags that follow are the SDK's choice.
    assert str(call.metadata["traceparent"]).startswith(f"00-{trace_id}-{span_id}-")
    assert call.metadata["authorization"] == "Bearer id:token"


async def test_retries_are_events_of_one_span_and_are_counted(
    server: ScriptedServer,
    telemetry: Telemetry,
    watched: PromoClient,
) -> None:
    down = refusal(Reason.STORE_UNAVAILABLE)
    server.script(methods.REDEEM, down, down, Redemption(id="r_1"))
    await watched.redeem(codes=["A"], order=CART)
    [span] = telemetry.spans()
    assert [event.name for event in span.events] == ["retry", "retry"]
    assert dict(span.events[0].attributes or {})["error.type"] == "STORE_UNAVAILABLE"
    [retries] = telemetry.points("promo.client.retries")
    assert retries.value == 2
    [duration] = telemetry.points("rpc.client.call.duration")
    assert (duration.count, duration.attributes["rpc.response.status_code"]) == (1, "OK")
    assert len({call.metadata["traceparent"] for call in server.calls[methods.REDEEM.path]}) == 1


async def test_a_refusal_ends_the_span_with_its_reason_and_without_what_was_typed(
    server: ScriptedServer,
    telemetry: Telemetry,
    watched: PromoClient,
) -> None:
    server.script(methods.REDEEM, refusal(Reason.CODE_NOT_FOUND, metadata={"code": "TYPED"}))
    with pytest.raises(exceptions.CodeNotFound):
        await watched.redeem(codes=["TYPED"], order=CART, request_id="order-1")
    [span] = telemetry.spans()
    assert span.status.status_code is StatusCode.ERROR
    attributes = dict(span.attributes or {})
    assert attributes["error.type"] == "CODE_NOT_FOUND"
    assert attributes["rpc.response.status_code"] == "NOT_FOUND"
    assert attributes["promo.request_id"] == "order-1"
    assert "TYPED" not in span.to_json()


async def test_a_call_that_is_cancelled_ends_its_span(
    server: ScriptedServer,
    telemetry: Telemetry,
    watched: PromoClient,
) -> None:
    server.script(methods.VALIDATE, Hang())
    task = asyncio.create_task(watched.validate(codes=["A"], order=CART))
    async with asyncio.timeout(5.0):
        while methods.VALIDATE.path not in server.calls:
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [span] = telemetry.spans()
    assert dict(span.attributes or {})["error.type"] == "CancelledError"


async def test_an_export_has_a_span_per_attempt(
    server: ScriptedServer,
    telemetry: Telemetry,
    watched: PromoClient,
) -> None:
    first = ExportCodesResponse(chunk=b"A\n", done_count=1, total_count=2, resume_token="one")
    last = ExportCodesResponse(chunk=b"B\n", done_count=2, total_count=2, resume_token="two")
    server.script(methods.EXPORT_CODES, [first, refusal(Reason.STORE_UNAVAILABLE)], [last])
    assert [piece.done_count async for piece in watched.codes.export("spring")] == [1, 2]
    broken, whole = telemetry.spans()
    assert dict(broken.attributes or {})["error.type"] == "STORE_UNAVAILABLE"
    assert dict(whole.attributes or {})["rpc.response.status_code"] == "OK"


async def test_the_client_for_threads_is_watched_the_same_way(server: ScriptedServer, telemetry: Telemetry) -> None:
    server.script(methods.REDEEM, Redemption(id="r_1"))

    def run() -> None:
        with SyncPromoClient.connect(server.address, hook=telemetry.hook) as client:
            client.redeem(codes=["A"], order=CART)

    await asyncio.to_thread(run)
    [span] = telemetry.spans()
    assert span.name == REDEEM
    assert "traceparent" in server.calls[methods.REDEEM.path][0].metadata
