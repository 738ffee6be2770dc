"""What every request passes: it gets an id, and whatever goes wrong becomes an answer."""

from __future__ import annotations

import logging
import secrets
import time
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promo.client import PromoError
from promo_adapters.base.answers import json_answer
from promo_adapters.base.metrics import RequestMetrics
from promo_adapters.base.problems import Problem, from_error, problem_body

REQUEST_ID: Final = "promo.request_id"
"""Key of the request's id in the scope."""

_INTERNAL: Final = 500
_NO_ROUTE: Final = "none"
_ROUTING: Final = {
    404: ("not_found", "no such route"),
    405: ("method_not_allowed", "the route does not take this method"),
}
"""Key and details of what no route takes."""

_log = logging.getLogger(__name__)


class Gate:
    """Wraps the routes of an adapter."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics) -> None:
        """Let requests through to `app`, and count them."""
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request_id = f"v-{secrets.token_hex(9)}"
        # Routing on what came over the wire keeps an encoded slash inside of a
        # code from being taken for one between parts of the path.
        path = scope["raw_path"].decode("ascii")
        routed = {**scope, "path": path.rstrip("/") or "/", REQUEST_ID: request_id, "app": self}
        status: int | None = None
        began = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(routed, receive, watched)
        except Exception as error:
            if status is not None:
                raise
            await _answer(error, request_id)(scope, receive, watched)
        finally:
            self._metrics.answered(_route(routed), status, time.perf_counter() - began)


def _route(scope: Scope) -> str:
    """Return the route that a request took, as its pattern; never what a caller has made up."""
    route = scope.get("route")
    if not isinstance(route, Route) or scope["method"] not in (route.methods or ()):
        return _NO_ROUTE
    return f"{scope['method']} {route.path}"


def _answer(error: Exception, request_id: str) -> Response:
    problem = _problem(error)
    if problem.status == _INTERNAL:
        _log.error("rest.failed request_id=%s", request_id, exc_info=error)
    return json_answer(problem_body(problem, request_id), problem.status, problem.headers())


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, PromoError):
        return from_error(error)
    if isinstance(error, HTTPException) and error.status_code in _ROUTING:
        return Problem(error.status_code, *_ROUTING[error.status_code])
    return Problem(_INTERNAL, "internal_error")
