"""Empties the outbox into Braze: in order, each object until it is acknowledged, and not again."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from promo_adapters.base.backoff import Backoff
from promo_adapters.base.clock import Clock
from promo_adapters.base.database import Database, Work
from promo_adapters.base.queue import Entry, State, Verdict
from promo_adapters.braze.metrics import BrazeMetrics
from promo_adapters.braze.objects import OUTBOX
from promo_adapters.braze.track import Answer, Ending, Tracker

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SenderOptions:
    """How a sender behaves."""

    batch_objects: int
    """Objects of one request, over all arrays."""
    attempts: int
    """Failed requests after which an object is given up."""
    backoff: Backoff


class Sender:
    """Sends what is in the outbox.

    Order matters, because a guest's newer attributes must not be overwritten by older ones: nothing is sent before
    what stands in front of it was acknowledged, refused or given up. Braze knows no idempotency key, so a request
    whose answer is lost is sent again: an event may then count twice there, and is never lost.
    """

    def __init__(
        self,
        database: Database,
        tracker: Tracker,
        clock: Clock,
        options: SenderOptions,
        metrics: BrazeMetrics,
    ) -> None:
        """Prepare; a Worker runs `step`."""
        self._database = database
        self._tracker = tracker
        self._clock = clock
        self._options = options
        self._metrics = metrics
        self._failures = 0

    async def step(self) -> float | None:
        """Send one batch; return the seconds to wait before the next, None when nothing is left."""
        entries = await self._database.read(lambda c: OUTBOX.due(c, self._clock(), self._options.batch_objects))
        if not entries:
            return None
        return await self._send(entries)

    async def _send(self, entries: Sequence[Entry]) -> float:
        began = time.perf_counter()
        answer = await self._tracker.send(entries, self._clock())
        self._metrics.requested(answer.ending, time.perf_counter() - began)
        match answer.ending:
            case Ending.ACKNOWLEDGED:
                await self._acknowledged(entries, answer)
                self._failures = 0
                return answer.wait_seconds
            case Ending.REFUSED:
                self._failures = 0
                return await self._refused(entries, answer)
            case Ending.THROTTLED:
                # Braze has said when; that is nobody's failure.
                _log.warning("braze.throttled wait_seconds=%.1f", answer.wait_seconds)
                return max(answer.wait_seconds, self._options.backoff.milliseconds(1) / 1000)
            case Ending.FAILED | Ending.LOCKED_OUT:
                return await self._failed(entries, answer)

    async def _acknowledged(self, entries: Sequence[Entry], answer: Answer) -> None:
        now_ms = self._clock()
        if answer.unclear:
            _log.warning("braze.unclear_errors objects=%d note=%s", len(entries), answer.note)
        note = f"{answer.note}, with errors that name no object" if answer.unclear else answer.note

        def write(connection: sqlite3.Connection) -> None:
            for entry in entries:
                problem = answer.refused.get(entry.id)
                verdict = Verdict(State.DONE, note) if problem is None else Verdict(State.DEAD, problem)
                OUTBOX.settle(connection, entry.id, verdict, now_ms)

        # What Braze has taken must not be sent again because our disk had a bad moment.
        await self._insist(write)
        self._metrics.settled("acknowledged", len(entries) - len(answer.refused))
        self._metrics.settled("refused", len(answer.refused))
        for entry in entries:
            if entry.id in answer.refused:
                _log.error("braze.object_refused key=%s note=%s", entry.key, answer.refused[entry.id])

    async def _insist(self, write: Work[None]) -> None:
        wait = 0.1
        while True:
            try:
                return await self._database.write(write)
            except sqlite3.Error as error:
                _log.error("braze.database_failed error=%s", error)
            await asyncio.sleep(wait)
            wait = min(2 * wait, self._options.backoff.longest_seconds)

    async def _refused(self, entries: Sequence[Entry], answer: Answer) -> float:
        """Find the object that makes a request unacceptable by halves; the others are sent without it."""
        if len(entries) == 1:
            [entry] = entries
            _log.error("braze.object_refused key=%s note=%s", entry.key, answer.note)
            verdict = Verdict(State.DEAD, answer.note, failed=True)
            await self._database.write(lambda c: OUTBOX.settle(c, entry.id, verdict, self._clock()))
            self._metrics.settled("refused", 1)
            return 0.0
        middle = len(entries) // 2
        wait = await self._send(entries[:middle])
        # After a failure or a full window the second half keeps its place in the queue.
        return wait if wait > 0 else await self._send(entries[middle:])

    async def _failed(self, entries: Sequence[Entry], answer: Answer) -> float:
        self._failures += 1
        wait_ms = self._options.backoff.milliseconds(self._failures)
        _log.warning("braze.failed objects=%d wait_ms=%d note=%s", len(entries), wait_ms, answer.note)
        now_ms = self._clock()
        # A wrong key is no fault of the objects: whatever time it takes to correct, they keep all their attempts.
        failed = answer.ending is not Ending.LOCKED_OUT
        last = self._options.attempts - 1
        spent = {entry.id for entry in entries if failed and entry.attempts >= last}

        def write(connection: sqlite3.Connection) -> None:
            for entry in entries:
                verdict = Verdict(State.DEAD if entry.id in spent else State.PENDING, answer.note, failed=failed)
                OUTBOX.settle(connection, entry.id, verdict, now_ms)

        await self._database.write(write)
        self._metrics.settled("given_up", len(spent))
        return wait_ms / 1000
