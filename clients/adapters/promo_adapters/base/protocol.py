"""HTTP/1.1 for clients that cannot be trusted to be quick or brief."""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from promo_adapters.base.answers import json_answer
from promo_adapters.base.metrics import RequestMetrics
from promo_adapters.base.problems import Problem, problem_body

_MOST_HEAD_BYTES: Final = 32 * 1024


class PatientProtocol(HttpToolsProtocol):
    """Ends connections whose request line and headers take too long or too much.

    Without it one byte a minute keeps a connection open for ever, and headers
    without end fill the memory.
    """

    head_seconds = 10.0
    """Time for the head of a request; a subclass may have another."""

    metrics: RequestMetrics
    """Counts what is refused here; a subclass has them."""

    _timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a request."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what arrived, and wait no longer for a request that has not begun than for one that has."""
        super().data_received(data)
        # Before the first request there is no cycle, whatever its type says.
        idle = getattr(self.cycle, "response_complete", True)
        if idle and self._timer is None and self.timeout_keep_alive_task is None and not self.transport.is_closing():
            self._await_head()

    def on_message_begin(self) -> None:
        """Expect the rest of the head soon."""
        self._await_head()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a part of the address."""
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._count(name + value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let the request be answered."""
        self._stop_waiting()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, in the form of all errors."""
        self._end(Problem(400, "invalid_payload", msg))

    def _await_head(self) -> None:
        self._stop_waiting()
        self._head_bytes = 0
        self._timer = self.loop.call_later(self.head_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self._end(Problem(408, "timeout", f"no request within {self.head_seconds:g} s"))

    def _count(self, part: bytes) -> None:
        self._head_bytes += len(part)
        if self._head_bytes > _MOST_HEAD_BYTES:
            # The parser stops at an error of its caller; the answer is that to anything malformed.
            raise ValueError("the head is too large")

    def _end(self, problem: Problem) -> None:
        self.metrics.refused_unread(problem.status)
        body = bytes(json_answer(problem_body(problem, "")).body)
        head = f"HTTP/1.1 {problem.status} \r\ncontent-type: application/json; charset=utf-8\r\n"
        self.transport.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        self.transport.close()
