"""The adapter: the webhook in front, what works off its queues behind it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Final, Self

import httpx2
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from promo.client import PromoClient
from promo_adapters.base.answers import json_answer
from promo_adapters.base.backoff import Backoff
from promo_adapters.base.clock import Clock, system_clock
from promo_adapters.base.database import Database
from promo_adapters.base.gate import Gate
from promo_adapters.base.worker import Worker
from promo_adapters.braze.objects import OUTBOX
from promo_adapters.braze.sender import Sender, SenderOptions
from promo_adapters.braze.track import Tracker
from promo_adapters.punchh.authentication import authentication
from promo_adapters.punchh.metrics import PunchhMetrics
from promo_adapters.punchh.processor import Processor, ProcessorOptions
from promo_adapters.punchh.receiver import Receiver
from promo_adapters.punchh.settings import BrazeSettings, Settings
from promo_adapters.punchh.store import INBOX, SCHEMA

_PARTNER: Final = "punchh"
_DAY_MS: Final = 86_400_000
_TIDY_SECONDS: Final = 3_600.0
_MEASURE_SECONDS: Final = 2.0
_GRACE_SECONDS: Final = 35.0
"""Longer than a request to Braze takes by default: its answer is worth waiting for."""


class PunchhAdapter:
    """An ASGI application that needs to be entered: `async with` opens its database and runs its workers."""

    def __init__(self, settings: Settings, client: PromoClient, metrics: PunchhMetrics, clock: Clock) -> None:
        """Prepare. Raises SettingsError when a secret is missing."""
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        admission = authentication(settings.webhook)
        self._database = Database(settings.database, SCHEMA)
        self._open = AsyncExitStack()
        self._http: httpx2.AsyncClient | None = None
        self._sending: Worker | None = None
        if settings.braze is not None:
            self._http = httpx2.AsyncClient(timeout=settings.braze.timeout_seconds)
            self._sending = Worker("braze", self._sender(settings.braze, self._http).step, patient=True)
        self._processor = Processor(self._database, client, clock, _processor_options(settings), metrics)
        self._processing = Worker("punchh", self._process)
        workers = (self._processing, self._sending, Worker("punchh", self._tidy), Worker("punchh", self._measure))
        self._workers = [worker for worker in workers if worker is not None]
        self._tasks: list[asyncio.Task[None]] = []
        receiver = Receiver(self._database, admission, settings.webhook, clock, metrics, self._processing.notify)
        # The gate takes a slash off the end of what is called.
        path = settings.webhook.path.rstrip("/") or "/"
        routes = [
            Route(path, receiver.check, methods=["GET"]),
            Route(path, receiver.receive, methods=["POST"]),
            Route("/healthz", self._healthz, methods=["GET"]),
        ]
        self._gate = Gate(Router(routes, redirect_slashes=False), metrics.requests)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._gate(scope, receive, send)

    async def __aenter__(self) -> Self:
        """Open the database and start to work. Raises DatabaseInUseError, sqlite3.Error."""
        async with AsyncExitStack() as opening:
            if self._http is not None:
                await opening.enter_async_context(self._http)
            await opening.enter_async_context(self._database)
            self._open = opening.pop_all()
        self._tasks = [asyncio.create_task(worker.run()) for worker in self._workers]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the steps that run finish, then close."""
        for worker in self._workers:
            worker.stop()
        _, late = await asyncio.wait(self._tasks, timeout=_GRACE_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        await self._open.aclose()

    def _sender(self, settings: BrazeSettings, http: httpx2.AsyncClient) -> Sender:
        tracker = Tracker(http, settings.endpoint, settings.api_key(), _PARTNER)
        backoff = Backoff(settings.first_wait_seconds, settings.longest_wait_seconds)
        options = SenderOptions(settings.batch_objects, settings.attempts, backoff)
        return Sender(self._database, tracker, self._clock, options, self._metrics.braze)

    async def _process(self) -> float | None:
        wait = await self._processor.step()
        if self._sending is not None and wait == 0:
            self._sending.notify()
        return wait

    async def _tidy(self) -> float:
        """Forget what was done so long ago that nobody repeats it."""
        before_ms = self._clock() - int(self._settings.processing.keep_days * _DAY_MS)
        for queue in (INBOX, OUTBOX):
            await self._database.write(partial(queue.forget, before_ms=before_ms))
        return _TIDY_SECONDS

    async def _measure(self) -> float:
        """Look how much there is to do."""
        await self._database.read(lambda c: self._metrics.queues.measure(c, (INBOX, OUTBOX), self._clock()))
        return _MEASURE_SECONDS

    async def _healthz(self, _request: Request) -> Response:
        failing = any(worker.failing for worker in self._workers)
        return json_answer({"status": "failing" if failing else "ok"}, 503 if failing else 200)


def create_app(
    settings: Settings,
    client: PromoClient,
    metrics: PunchhMetrics,
    clock: Clock = system_clock,
) -> PunchhAdapter:
    """Return the adapter; enter it before requests come. The caller closes `client`. Raises SettingsError."""
    return PunchhAdapter(settings, client, metrics, clock)


def _processor_options(settings: Settings) -> ProcessorOptions:
    processing = settings.processing
    return ProcessorOptions(
        rules=settings.publish,
        guest_wait_ms=int(processing.guest_wait_seconds * 1000),
        attempts=processing.attempts,
        backoff=Backoff(processing.first_wait_seconds, processing.longest_wait_seconds),
        event_names=None if settings.braze is None else settings.braze.event_names,
    )
