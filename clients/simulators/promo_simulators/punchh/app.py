"""A stand-in for Punchh's Webhooks Manager, told over HTTP what to send."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from promo_simulators.punchh.webhooks import WebhooksManager, event


class PunchhSimulator:
    """An ASGI application round a WebhooksManager."""

    def __init__(self, webhooks: WebhooksManager) -> None:
        """Send through `webhooks`."""
        self._webhooks = webhooks
        self._router = Router(
            [
                Route("/_simulator/activate", self._activate, methods=["POST"]),
                Route("/_simulator/events", self._send, methods=["POST"]),
                Route("/_simulator/state", self._state, methods=["GET"]),
            ],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._router(scope, receive, send)

    async def _activate(self, _request: Request) -> Response:
        alive = await self._webhooks.activate()
        return JSONResponse({"standing": self._webhooks.standing}, 200 if alive else 409)

    async def _send(self, request: Request) -> Response:
        """Send `events`, each with event_name and payload and whatever else of the envelope is given."""
        try:
            document = json.loads(await request.body())
            events = [event(**one) for one in document["events"]]
            copies, shuffle = int(document.get("copies", 1)), bool(document.get("shuffle", False))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            text = 'send {"events": [{"event_name": .., "payload": {..}}], "copies": 1, "shuffle": false}'
            return JSONResponse({"message": f"{text}: {error}"}, 400)
        self._webhooks.send(events, copies=copies, shuffle=shuffle)
        return JSONResponse({"content_ids": [one["content_id"] for one in events]}, 202)

    async def _state(self, _request: Request) -> Response:
        deliveries = [
            {"content_id": one.content_id, "statuses": one.statuses, "accepted": one.accepted, "done": one.done}
            for one in self._webhooks.deliveries
        ]
        return JSONResponse({"standing": self._webhooks.standing, "deliveries": deliveries})
