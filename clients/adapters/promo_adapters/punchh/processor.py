"""Works off stored events: the engine first, then one step that records what follows and puts it into the outbox.

Both can happen again after a crash: the engine answers a repeated publication with the first one, and the step is one
transaction.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from promo.client import Customer, PromoClient, PromoError, Retry
from promo_adapters.base.backoff import Backoff
from promo_adapters.base.clock import Clock
from promo_adapters.base.database import Database
from promo_adapters.base.queue import Entry, State, Verdict
from promo_adapters.braze import objects
from promo_adapters.braze.objects import BrazeObject
from promo_adapters.punchh import mapping, models, store
from promo_adapters.punchh.metrics import PunchhMetrics
from promo_adapters.punchh.models import Event, User
from promo_adapters.punchh.settings import PublishRule
from promo_adapters.punchh.store import INBOX, KnownGuest, RecordedRedemption

_AT_ONCE = 64
_SOON_MS = 2_000
_LOOK_AGAIN_MS = 60_000
"""How soon an event is looked at again that waits only for what is stored already."""
_FINAL = frozenset({3, 5, 6, 9, 11})
"""gRPC statuses of what the same call never gets past: invalid, not found, exists, precondition, out of range.

Others say that something is broken or shut, which somebody will repair: wrong credentials, an older server, a bug."""
_CHANNEL = "punchh"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProcessorOptions:
    """How events are worked off."""

    rules: tuple[PublishRule, ...]
    guest_wait_ms: int
    attempts: int
    backoff: Backoff
    event_names: Mapping[str, str] | None
    """Names of Braze events; None when nothing is passed on."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows from one event."""

    verdict: Verdict
    guest: KnownGuest | None = None
    redemption: RecordedRedemption | None = None
    passed_on: BrazeObject | None = None
    external_id: str = ""
    published: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when a batch of events is worked off."""

    guests: Mapping[int, KnownGuest]
    """Guests of the batch that were known before it."""
    newest: Mapping[int, int]
    """By guest, the entry with the newest profile of the batch."""
    pending: Mapping[str, int]
    """By subject, how many entries are to be done, of the batch and behind it."""


class Processor:
    """Works off what is in the inbox."""

    def __init__(
        self,
        database: Database,
        client: PromoClient,
        clock: Clock,
        options: ProcessorOptions,
        metrics: PunchhMetrics,
    ) -> None:
        """Prepare; a Worker runs `step`."""
        self._database = database
        self._client = client
        self._clock = clock
        self._options = options
        self._metrics = metrics

    async def step(self) -> float | None:
        """Work off what is due; return the seconds until more is, None when nothing is due soon."""
        now_ms = self._clock()
        entries = await self._database.read(lambda c: INBOX.due(c, now_ms, _AT_ONCE))
        if not entries:
            due_ms = await self._database.read(INBOX.next_due_ms)
            # What another process replays is seen no later than with an empty inbox.
            return None if due_ms is None or due_ms - now_ms > _SOON_MS else max(0.01, (due_ms - now_ms) / 1000)
        work, broken = _parsed(entries)
        guest_ids = _guest_ids(work)
        known = await self._database.read(lambda c: store.guests(c, guest_ids))
        pending = await self._database.read(lambda c: INBOX.pending_counts(c, [str(user_id) for user_id in guest_ids]))
        facts = Facts(known, _newest_profiles(work), pending)
        outcomes = await asyncio.gather(*(self._handle(entry, event, facts) for entry, event in work))

        def write(connection: sqlite3.Connection) -> None:
            for (entry, event), outcome in zip(work, outcomes, strict=True):
                self._write(connection, entry, event, outcome)
            for entry in broken:
                # It was an event when it was stored; this version of the adapter asks for more.
                verdict = Verdict(State.DEAD, "this version does not understand the event", failed=True)
                INBOX.settle(connection, entry.id, verdict, now_ms)

        await self._database.write(write)
        for outcome in outcomes:
            self._metrics.attempted(outcome.verdict.state, published=bool(outcome.published))
        for _ in broken:
            self._metrics.attempted(State.DEAD, published=False)
        return 0.0

    async def _handle(self, entry: Entry, event: Event, facts: Facts) -> Outcome:
        """Return what follows from an event; calls the engine where it has to know."""
        try:
            if isinstance(event.payload, User):
                return await self._profile(entry, event, event.payload, facts)
            return await self._happening(entry, event, facts)
        except PromoError as error:
            # Who the guest is does not depend on the engine, and other events wait to know it.
            return Outcome(self._failed(entry, error), _introduced(event))
        except Exception as error:  # noqa: BLE001 - kept as a dead letter
            # One event that nobody foresaw must not stop all others.
            _log.exception("punchh.event_failed key=%s", entry.key)
            return Outcome(
                Verdict(State.DEAD, f"internal error: {type(error).__name__}", failed=True), _introduced(event)
            )

    async def _profile(self, entry: Entry, event: Event, user: User, facts: Facts) -> Outcome:
        """Upsert the guest, unless something newer is known."""
        at_ms = event.envelope.timestamp_ms
        before = facts.guests.get(user.user_id)
        if facts.newest[user.user_id] != entry.id or (before is not None and before.profile_ms > at_ms):
            return Outcome(Verdict(State.DONE, "an event with a newer profile was there"))
        external_id = user.external_id or ""
        if event.envelope.action == "delete":
            return Outcome(Verdict(State.DONE, "deletions are recorded only"))
        if not external_id:
            return Outcome(Verdict(State.DONE, "the guest has no external id"), KnownGuest(user.user_id, "", at_ms))
        await self._client.customers.upsert(mapping.customer(user, external_id))
        passed_on = self._braze(event, external_id, {})
        return Outcome(Verdict(State.DONE), _introduced(event), passed_on=passed_on, external_id=external_id)

    async def _happening(self, entry: Entry, event: Event, facts: Facts) -> Outcome:
        """Publish a code where one belongs to the event, and pass it on."""
        user_id, said = event.payload.guest_id, event.payload.external_id
        guest = facts.guests.get(user_id) if user_id is not None else None
        external_id = said or (guest.external_id if guest else "")
        redemption = recorded(event, external_id)
        if not external_id:
            return Outcome(self._without_guest(entry, user_id, guest, facts), redemption=redemption)
        published: dict[str, str] = {}
        if (campaign := mapping.campaign_for(event, self._options.rules)) is not None:
            publication = await self._client.publish(
                campaign=campaign,
                customer=Customer(source_id=external_id),
                # Whatever happens to the answer, this event never brings a second code.
                source_id=f"punchh:{event.envelope.content_id}",
                channel=_CHANNEL,
                metadata=mapping.publication_metadata(event),
            )
            published = {"promo_code": publication.codes[0], "promo_campaign": publication.campaign}
        passed_on = self._braze(event, external_id, published)
        return Outcome(Verdict(State.DONE), _introduced(event), redemption, passed_on, external_id, published)

    def _braze(self, event: Event, external_id: str, published: Mapping[str, str]) -> BrazeObject | None:
        names = self._options.event_names
        return None if names is None else mapping.braze_object(event, external_id, names, published)

    def _without_guest(self, entry: Entry, user_id: int | None, guest: KnownGuest | None, facts: Facts) -> Verdict:
        """Return what becomes of an event whose guest has no external id, or none yet."""
        if user_id is None:
            return Verdict(State.DONE, "the event names no guest")
        if guest is not None:
            return Verdict(State.DONE, "the guest has no external id")
        now_ms = self._clock()
        until_ms = entry.create_ms + self._options.guest_wait_ms
        if now_ms < until_ms:
            return Verdict(State.WAITING, "waits for the guest's external id", until_ms)
        others = facts.pending.get(entry.subject, 0) - (entry.state is State.PENDING)
        if others > 0:
            # The inbox is long, or the adapter was away: what tells of the guest may be in it already.
            return Verdict(State.WAITING, "waits for other events of the guest", now_ms + _LOOK_AGAIN_MS)
        note = "the guest's external id did not arrive"
        _log.error("punchh.event_given_up key=%s note=%s", entry.key, note)
        return Verdict(State.DEAD, note)

    def _failed(self, entry: Entry, error: PromoError) -> Verdict:
        note = str(error)[:500]
        failures = entry.attempts + 1
        final = error.retry is Retry.NEVER and error.status in _FINAL
        if final or failures >= self._options.attempts:
            _log.error("punchh.event_given_up key=%s note=%s", entry.key, note)
            return Verdict(State.DEAD, note, failed=True)
        wait_ms = max(self._options.backoff.milliseconds(failures), int(1000 * (error.retry_after or 0)))
        _log.warning("punchh.engine_failed key=%s wait_ms=%d note=%s", entry.key, wait_ms, note)
        return Verdict(State.PENDING, note, self._clock() + wait_ms, failed=True)

    def _write(self, connection: sqlite3.Connection, entry: Entry, event: Event, outcome: Outcome) -> None:
        now_ms = self._clock()
        verdict = outcome.verdict
        if outcome.guest is not None:
            store.note_guest(connection, outcome.guest)
        if outcome.redemption is not None:
            store.note_redemption(connection, outcome.redemption)
        if outcome.passed_on is not None:
            objects.put(connection, outcome.passed_on, key=entry.key, subject=outcome.external_id, now_ms=now_ms)
        user_id = event.payload.guest_id
        if verdict.state is State.WAITING and user_id is not None and store.guests(connection, [user_id]):
            # The guest became known while this event was looked at.
            verdict = replace(verdict, state=State.PENDING, due_ms=now_ms)
        INBOX.settle(connection, entry.id, verdict, now_ms)
        if outcome.guest is not None:
            INBOX.wake(connection, str(outcome.guest.user_id), now_ms)


def _introduced(event: Event) -> KnownGuest | None:
    """Return the guest whose external id an event says."""
    user_id, external_id = event.payload.guest_id, event.payload.external_id
    if user_id is None or external_id is None:
        return None
    return KnownGuest(user_id, external_id, event.envelope.timestamp_ms if isinstance(event.payload, User) else 0)


def recorded(event: Event, external_id: str) -> RecordedRedemption | None:
    """Return the redemption that an event tells of."""
    payload = event.payload
    match payload:
        case models.Redemption():
            code = payload.redemption_code
            kind, id_, name = "redemption", payload.redemption_id, payload.redeemable_name
            status = payload.redemption_status or (code.status if code else None)
            amount, text = code.receipt_amount if code else None, None
        case models.CouponRedemption():
            kind, id_, name = "coupon", payload.user_coupon_redemption_id, None
            status, amount, text = payload.status, payload.receipt_amount, payload.code
        case _:
            return None
    return RecordedRedemption(
        kind=kind,
        id=id_,
        user_id=payload.guest_id,
        external_id=external_id,
        code=text or "",
        name=name or "",
        status=status or "",
        receipt_amount="" if amount is None else str(amount),
        happen_ms=event.envelope.timestamp_ms,
        content_id=event.envelope.content_id,
    )


def _parsed(entries: Sequence[Entry]) -> tuple[list[tuple[Entry, Event]], list[Entry]]:
    """Return the entries with their events, and those that are none."""
    work: list[tuple[Entry, Event]] = []
    broken: list[Entry] = []
    for entry in entries:
        try:
            work.append((entry, models.parse(entry.body)))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            broken.append(entry)
    return work, broken


def _guest_ids(work: Sequence[tuple[Entry, Event]]) -> list[int]:
    return sorted({user_id for _, event in work if (user_id := event.payload.guest_id) is not None})


def _newest_profiles(work: Sequence[tuple[Entry, Event]]) -> dict[int, int]:
    """Return, by guest, the entry with the newest profile; of two of one time the one that came later."""
    newest: dict[int, tuple[int, int]] = {}
    for entry, event in work:
        if isinstance(event.payload, User):
            place = (event.envelope.timestamp_ms, entry.id)
            newest[event.payload.user_id] = max(place, newest.get(event.payload.user_id, place))
    return {user_id: entry_id for user_id, (_, entry_id) in newest.items()}
