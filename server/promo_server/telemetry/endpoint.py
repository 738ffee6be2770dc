"""The HTTP port with /metrics of both planes and /healthz.

It answers from threads of its own, so that it still answers when the control plane's event loop is stuck.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import structlog

Page = Callable[[], tuple[HTTPStatus, str, bytes]]
"""Makes one answer: status, content type, body."""

_IDLE_SECONDS = 10.0
"""A connection that says nothing is closed after this time."""

_STOP_POLL_SECONDS = 0.05

_log = structlog.get_logger(__name__)


class TelemetryEndpoint:
    """Serves pages by path until `close`."""

    def __init__(self, host: str, port: int, pages: dict[str, Page]) -> None:
        handler = type("Handler", (_Handler,), {"pages": pages})
        self._server = _Server((host, port), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            args=(_STOP_POLL_SECONDS,),
            name="telemetry",
            daemon=True,
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """The address bound, as host:port."""
        host, port = self._server.server_address[:2]
        return f"{host if isinstance(host, str) else host.decode()}:{port}"

    def close(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Requests in progress do not hold up a stop.
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Log instead of printing a traceback; a client that goes away is no error worth more."""
        del request
        _log.debug("telemetry.request_failed", client=str(client_address), exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    pages: dict[str, Page]
    timeout = _IDLE_SECONDS
    server_version = "promo"
    sys_version = ""

    def do_GET(self) -> None:
        page = self.pages.get(self.path.partition("?")[0])
        if page is None:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"not found\n")
            return
        try:
            answer = page()
        except Exception:  # noqa: BLE001 - one page that fails must not end the thread
            _log.exception("telemetry.page_failed", path=self.path)
            answer = (HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", b"internal error\n")
        self._answer(*answer)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as http.server declares it
        """Log no requests: scrapes come every few seconds."""
