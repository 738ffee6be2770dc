"""The webhook: who sends it, what it is, and that it is stored before it is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from promo_adapters.base.answers import json_answer
from promo_adapters.base.bodies import read_body
from promo_adapters.base.clock import Clock
from promo_adapters.base.database import Database
from promo_adapters.base.problems import Problem
from promo_adapters.base.queue import State, Verdict
from promo_adapters.punchh.authentication import Authentication
from promo_adapters.punchh.metrics import PunchhMetrics
from promo_adapters.punchh.models import Event, parse
from promo_adapters.punchh.settings import WebhookSettings
from promo_adapters.punchh.store import INBOX

_ACCEPTED = 202
_STORE_SECONDS = 3.0
"""With the time for the body this stays within the 15 s after which Punchh gives up."""

_log = logging.getLogger(__name__)


class Receiver:
    """Answers Punchh."""

    def __init__(
        self,
        database: Database,
        authentication: Authentication,
        settings: WebhookSettings,
        clock: Clock,
        metrics: PunchhMetrics,
        stored: Callable[[], None],
    ) -> None:
        """Store into `database`; `stored` is told of every new event."""
        self._database = database
        self._authentication = authentication
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._stored = stored

    async def check(self, request: Request) -> Response:
        """Answer Punchh's check that the webhook is alive."""
        self._authenticate(request, b"")
        return json_answer({"status": "ready"})

    async def receive(self, request: Request) -> Response:
        """Store one event; a repeated one is acknowledged and changes nothing."""
        if not self._authentication.admits(request.headers):
            raise _unauthorized()
        body = await read_body(request, self._settings.max_body_bytes, self._settings.body_seconds)
        self._authenticate(request, body)
        event = _parsed(body)
        try:
            async with asyncio.timeout(_STORE_SECONDS):
                new = await self._store(event, body)
        except (TimeoutError, sqlite3.Error) as error:
            _log.error("punchh.not_stored key=%s error=%s", event.envelope.key, error)
            raise Problem(503, "not_stored", "the event could not be stored; send it again", retry_after=60) from None
        self._metrics.acknowledged(event.family, new=new)
        if new:
            self._stored()
        return json_answer({"status": "stored" if new else "known"}, _ACCEPTED)

    def _authenticate(self, request: Request, body: bytes) -> None:
        query = request.scope["query_string"]
        target = request.scope["raw_path"] + (b"?" + query if query else b"")
        if not self._authentication.verifies(request.headers, target, body):
            raise _unauthorized()

    async def _store(self, event: Event, body: bytes) -> bool:
        envelope = event.envelope
        user_id = event.payload.guest_id
        now_ms = self._clock()
        kind = f"{envelope.event_name}/{envelope.event_type}" if envelope.event_type else envelope.event_name
        return await self._database.write(
            lambda connection: INBOX.put(
                connection,
                key=envelope.key,
                kind=kind,
                subject="" if user_id is None else str(user_id),
                body=body,
                now_ms=now_ms,
                verdict=None if event.family else Verdict(State.DONE, "an event that this adapter does not use"),
            ),
        )


def _unauthorized() -> Problem:
    return Problem(401, "unauthorized", "the authorization header is not the one agreed on", close=True)


def _parsed(body: bytes) -> Event:
    """Return the event. Raises Problem with 400 that names the field, never a value: values are people's."""
    try:
        return parse(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        text = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        _log.warning("punchh.malformed error=%s", text)
        raise Problem(400, "invalid_payload", f"this is no Punchh event: {text}") from None
