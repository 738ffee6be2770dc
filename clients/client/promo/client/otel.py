"""Traces and metrics of the client with OpenTelemetry: `pip install "clients/client[otel]"`.

    client = PromoClient.connect("127.0.0.1:50600", key="id:token", hook=OpenTelemetryHook())

Each call, with all of its attempts, is one span of kind CLIENT below the span
that is current; its context travels with every attempt. Names follow the
semantic conventions of RPC.

| metric | unit | what |
|---|---|---|
| `rpc.client.call.duration` | s | time of calls with all of their attempts, by method and status |
| `promo.client.retries` | {attempt} | attempts after the first one, by method and by what ended the one before |
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from opentelemetry import metrics, propagate, trace
from opentelemetry.metrics import Counter, Histogram, MeterProvider
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider

from promo.client.errors import PromoError
from promo.client.hooks import Observation
from promo.client.methods import Method

SCOPE: Final = "promo.client"
BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the durations that are told apart, seconds."""

_STATUS_NAMES: Final = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)

Attributes = dict[str, str]


class OpenTelemetryHook:
    """Makes a span and measurements of every call; safe to share between clients, tasks and threads."""

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        propagator: TextMapPropagator | None = None,
    ) -> None:
        """Use these providers, or the global ones."""
        self._tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(SCOPE, meter_provider=meter_provider)
        self._propagator = propagator or propagate.get_global_textmap()
        self._duration = meter.create_histogram(
            "rpc.client.call.duration",
            unit="s",
            description="Time of calls with all of their attempts.",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )
        self._retries = meter.create_counter(
            "promo.client.retries",
            unit="{attempt}",
            description="Attempts after the first one.",
        )

    def begin(self, method: Method[Any, Any]) -> Observation:
        """Start the span of a call."""
        name = method.path.removeprefix("/")
        attributes = {"rpc.system.name": "grpc", "rpc.method": name}
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, context=trace.set_span_in_context(span))
        return _SpannedCall(span, attributes, carrier, self._duration, self._retries)


class _SpannedCall:
    """One call with its span."""

    def __init__(
        self,
        span: Span,
        attributes: Attributes,
        metadata: Mapping[str, str],
        duration: Histogram,
        retries: Counter,
    ) -> None:
        self.metadata = metadata
        self._span = span
        self._attributes = attributes
        self._duration = duration
        self._retries = retries
        self._begun = time.monotonic()

    def retry(self, error: PromoError, delay: float) -> None:
        """Note in the span why there is another attempt, and count it."""
        ended = _ending(error)
        self._span.add_event("retry", {**ended, "promo.retry.delay": delay})
        self._retries.add(1, {**self._attributes, **ended})

    def end(self, error: BaseException | None) -> None:
        """End the span and record the time."""
        seconds = time.monotonic() - self._begun
        ended = _ending(error)
        self._span.set_attributes(ended)
        if error is not None:
            if isinstance(error, PromoError) and error.request_id is not None:
                self._span.set_attribute("promo.request_id", error.request_id)
            # The exception's text may have what a shopper typed: its reason does.
            self._span.set_status(Status(StatusCode.ERROR, ended["error.type"]))
        self._duration.record(seconds, {**self._attributes, **ended})
        self._span.end()


def _ending(error: BaseException | None) -> Attributes:
    """Return how a call or an attempt ended."""
    if error is None:
        return {"rpc.response.status_code": "OK"}
    if not isinstance(error, PromoError):
        # The task was cancelled, or the program is ending.
        return {"error.type": type(error).__qualname__}
    known = 0 <= error.status < len(_STATUS_NAMES)
    name = _STATUS_NAMES[error.status] if known else str(error.status)
    return {"rpc.response.status_code": name, "error.type": error.reason_name or name}
