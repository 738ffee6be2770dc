"""A stand-in for Braze's `/users/track`: limits, rate headers, partial errors, and everything it was sent.

It has no idempotency, like the original: an event that is sent twice is in its log twice.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from promo_simulators.braze.faults import Fault
from promo_simulators.braze.rules import ARRAYS, BatchLimit, FatalError, parse, problem


@dataclass(frozen=True, slots=True)
class BrazeOptions:
    """The workspace that is simulated."""

    key: str = "braze-key"
    """REST API key with the permission users.track."""
    batch: BatchLimit = field(default_factory=BatchLimit)
    rate_requests: int = 3_000
    rate_seconds: float = 3.0


@dataclass(slots=True)
class Received:
    """One request, as it came."""

    at: float
    body: dict[str, Any]
    status: int
    """Of the answer; 0 when there was none."""
    taken: int
    """How many objects became part of profiles and the event log."""


class BrazeSimulator:
    """An ASGI application. What it knows can be read here, or under /_simulator."""

    def __init__(self, options: BrazeOptions | None = None) -> None:
        """Begin with no profile."""
        self.options = options or BrazeOptions()
        self.profiles: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.requests: list[Received] = []
        self.faults: deque[Fault] = deque()
        self._window_end = 0.0
        self._window_requests = 0
        self._router = Router(
            [
                Route("/users/track", self._track, methods=["POST"]),
                Route("/_simulator/state", self._state, methods=["GET"]),
                Route("/_simulator/state", self._clear, methods=["DELETE"]),
                Route("/_simulator/faults", self._add_faults, methods=["POST"]),
            ],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._router(scope, receive, send)

    def inject(self, *faults: Fault) -> None:
        """Let the next requests go wrong, one fault each."""
        self.faults.extend(faults)

    def events_of(self, name: str) -> list[dict[str, Any]]:
        """Return the events of that name, in the order of arrival."""
        return [event for event in self.events if event["name"] == name]

    async def _track(self, request: Request) -> Response:
        body = await request.body()
        if not self._authorized(request):
            return _refusal(401, "Invalid API key")
        headers, within = self._count()
        if not within:
            return self._noted(body, _refusal(429, "The rate limit was exceeded", headers), 0)
        fault = self.faults.popleft() if self.faults else None
        if fault is not None and fault.kind in {"throttle", "status"}:
            return self._noted(body, _failure(fault, headers), 0)
        try:
            arrays = parse(body, self.options.batch)
        except FatalError as error:
            return self._noted(body, _refusal(error.status, error.message, headers), 0)
        if fault is not None and fault.kind in {"silence", "reset"}:
            return await self._vanish(fault, body, arrays)
        return self._answer(fault, body, arrays, headers)

    def _answer(
        self,
        fault: Fault | None,
        body: bytes,
        arrays: dict[str, list[Any]],
        headers: dict[str, str],
    ) -> Response:
        taken, errors = self._take(arrays, fault if fault and fault.kind == "partial" else None)
        count = sum(taken.values())
        if fault is not None and fault.kind == "queued":
            return self._noted(body, JSONResponse({"message": "queued"}, 202, headers), count)
        if not count:
            return self._noted(body, JSONResponse({"message": "Nothing was valid", "errors": errors}, 400, headers), 0)
        document = {"message": "success", **{f"{name}_processed": taken[name] for name in ARRAYS if taken[name]}}
        if errors:
            document["errors"] = errors
        return self._noted(body, JSONResponse(document, 201, headers), count)

    async def _vanish(self, fault: Fault, body: bytes, arrays: dict[str, list[Any]]) -> Response:
        count = sum(self._take(arrays, None)[0].values()) if fault.takes else 0
        if fault.kind == "silence":
            await asyncio.sleep(fault.seconds)
        # What closes the connection is an answer that is shorter than it says.
        broken = Response(b"", 200, {"content-length": "1000", "connection": "close"})
        self._noted(body, broken, count)
        self.requests[-1].status = 0
        return broken

    def _take(self, arrays: dict[str, list[Any]], fault: Fault | None) -> tuple[dict[str, int], list[dict[str, Any]]]:
        taken = dict.fromkeys(ARRAYS, 0)
        errors: list[dict[str, Any]] = []
        for name, objects in arrays.items():
            for index, one in enumerate(objects):
                wrong = problem(name, one)
                if fault is not None and fault.array == name and index in fault.indexes:
                    wrong = "The object was refused by the simulator"
                if wrong is not None:
                    place = {} if fault is not None and fault.vague else {"input_array": name, "index": index}
                    errors.append({"type": wrong, **place})
                    continue
                taken[name] += 1
                self._keep(name, one)
        return taken, errors

    def _keep(self, array: str, one: dict[str, Any]) -> None:
        profile = self.profiles.setdefault(str(one.get("external_id")), {})
        if array == "events":
            self.events.append(one)
        elif array == "attributes":
            for name, value in one.items():
                if value is None:
                    profile.pop(name, None)
                else:
                    profile[name] = value

    def _authorized(self, request: Request) -> bool:
        expected = f"Bearer {self.options.key}".encode()
        return hmac.compare_digest(request.headers.get("authorization", "").encode(), expected)

    def _count(self) -> tuple[dict[str, str], bool]:
        """Return the rate headers, and whether the request is within the limit."""
        now = time.time()
        if now >= self._window_end:
            self._window_end, self._window_requests = now + self.options.rate_seconds, 0
        self._window_requests += 1
        remaining = self.options.rate_requests - self._window_requests
        return _rate_headers(self.options.rate_requests, max(remaining, 0), self._window_end), remaining >= 0

    def _noted(self, body: bytes, response: Response, taken: int) -> Response:
        try:
            document = json.loads(body)
        except ValueError:
            document = {}
        self.requests.append(Received(time.time(), document, response.status_code, taken))
        return response

    async def _state(self, _request: Request) -> Response:
        requests = [{"at": one.at, "status": one.status, "taken": one.taken, "body": one.body} for one in self.requests]
        return JSONResponse({"profiles": self.profiles, "events": self.events, "requests": requests})

    async def _clear(self, _request: Request) -> Response:
        self.profiles.clear()
        self.events.clear()
        self.requests.clear()
        self.faults.clear()
        return Response(status_code=204)

    async def _add_faults(self, request: Request) -> Response:
        try:
            document = json.loads(await request.body())
            found = [fault for one in document for fault in Fault.parse(one)]
        except (ValueError, TypeError, AttributeError) as error:
            return JSONResponse({"message": f"send a list of faults: {error}"}, 400)
        self.inject(*found)
        return JSONResponse({"faults": len(self.faults)}, 202)


_NO_RATE: Final[dict[str, str]] = {}


def _failure(fault: Fault, headers: dict[str, str]) -> Response:
    if fault.kind == "status":
        return _refusal(fault.status, "The simulator was told to fail", headers)
    limit = headers["X-RateLimit-Limit"]
    rate = _rate_headers(int(limit), 0, time.time() + fault.seconds) if fault.headers else _NO_RATE
    return _refusal(429, "The rate limit was exceeded", rate)


def _rate_headers(limit: int, remaining: int, reset: float) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        # Whole seconds, rounded up: who waits until then is let in.
        "X-RateLimit-Reset": str(-int(-reset // 1)),
    }


def _refusal(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"message": message, "errors": [message]}, status, headers)
