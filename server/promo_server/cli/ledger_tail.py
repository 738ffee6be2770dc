"""`promo ledger tail`: what happens, while it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import uvloop
from cyclopts import Parameter
from cyclopts.validators import Number
from google.protobuf.timestamp_pb2 import Timestamp

from promo.client import Listing, PromoClient
from promo.client.exceptions import ArchiveBehind
from promo.v1.publication_pb2 import Publication
from promo.v1.redemption_pb2 import Redemption, Rollback
from promo_server.cli.checkout import spell_totals
from promo_server.cli.documents import to_document
from promo_server.cli.options import ServerOptions, SettingsOptions, connect
from promo_server.cli.output import Json, print_hint, print_json, print_line

Kind = Literal["redemption", "rollback", "publication"]
Entry = Redemption | Rollback | Publication

_KINDS: tuple[Kind, ...] = ("redemption", "rollback", "publication")

_OVERLAP = timedelta(seconds=10)
"""How far back each look goes: a call has its time before it is committed."""

_MILLISECOND = timedelta(milliseconds=1)

_MOST = 5_000
"""Entries of one kind that are looked at again: where more come within the overlap, it is shorter."""

_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Source:
    """Where entries of one kind come from."""

    time_field: str
    read: Callable[[PromoClient, str, int], Listing[Any]]
    time: Callable[[Any], Timestamp]
    words: Callable[[Any], str]


_SOURCES: dict[Kind, Source] = {
    "redemption": Source(
        "redeem_time",
        lambda client, wanted, size: client.redemptions.list(wanted, page_size=size, require_fresh=True),
        lambda one: one.redeem_time,
        lambda one: (
            f"{', '.join(result.code for result in one.results)}  {one.customer or '-'}  {spell_totals(one.order)}"
        ),
    ),
    "rollback": Source(
        "rollback_time",
        lambda client, wanted, size: client.redemptions.list_rollbacks(wanted, page_size=size, require_fresh=True),
        lambda one: one.rollback_time,
        lambda one: f"{one.redemption_id}  {one.reason or '-'}",
    ),
    "publication": Source(
        "publish_time",
        lambda client, wanted, size: client.publications.list(wanted, page_size=size, require_fresh=True),
        lambda one: one.publish_time,
        lambda one: f"{', '.join(one.codes)}  {one.customer}  {one.campaign}",
    ),
}


@dataclass(slots=True)
class Seen:
    """What was shown of one kind: enough to show nothing twice.

    What comes late is missed where it is older than the overlap, or more than `_MOST` are newer.
    """

    newest: datetime | None = None
    oldest: datetime | None = None
    """Before it no look goes back: what was there is not remembered."""
    times: dict[str, datetime] = field(default_factory=dict)

    def condition(self, time_field: str) -> str:
        """Return the filter of the next look."""
        if self.newest is None:
            return ""
        since = self.newest - _OVERLAP
        if self.oldest is not None:
            since = max(since, self.oldest)
        return f"{time_field} >= {since.isoformat(timespec='milliseconds').replace('+00:00', 'Z')}"

    def take(self, identifier: str, time: datetime) -> bool:
        """Return whether an entry is new, and remember it."""
        if identifier in self.times:
            return False
        self.times[identifier] = time
        self.newest = max(self.newest or time, time)
        return True

    def reaches(self, time: datetime) -> bool:
        """Return whether a further look can find what has this time."""
        # One overlap more: filters have milliseconds, times have more.
        if self.newest is None:
            return True
        return time >= (self.oldest or time) and time >= self.newest - 2 * _OVERLAP

    def forget(self) -> None:
        """Drop what no further look can find, and the oldest where there are too many."""
        if len(self.times) > _MOST:
            dropped = sorted(self.times.values(), reverse=True)[_MOST]
            # Looks begin at a whole millisecond, so none of the same one is kept.
            self.oldest = dropped.replace(microsecond=dropped.microsecond // 1_000 * 1_000) + _MILLISECOND
        self.times = {identifier: time for identifier, time in self.times.items() if self.reaches(time)}


def tail(
    *,
    last: Annotated[int, Parameter(validator=Number(gte=0, lte=_PAGE))] = 10,
    kind: Annotated[tuple[Kind, ...], Parameter(negative=())] = _KINDS,
    follow: bool = True,
    interval: Annotated[float, Parameter(validator=Number(gte=0.1))] = 0.5,
    server: ServerOptions = ServerOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Show the last entries, and those that come until Control-C.

    Parameters
    ----------
    last
        How many of the entries that are there already.
    kind
        Only these; repeat for several.
    follow
        Go on with what comes.
    interval
        Seconds between two looks.

    """
    uvloop.run(_tail(server, settings, dict.fromkeys(kind), last, interval if follow else None, json=json))


async def _tail(
    server: ServerOptions,
    settings: SettingsOptions,
    kinds: dict[Kind, None],
    last: int,
    interval: float | None,
    *,
    json: bool,
) -> None:
    seen = {kind: Seen() for kind in kinds}
    async with connect(settings, server) as client:
        entries = await _last(client, seen, last)
        _print(sorted(entries, key=_moment)[-last:] if last else (), json=json)
        while interval is not None:
            await asyncio.sleep(interval)
            try:
                entries = await _new(client, seen)
            except ArchiveBehind as error:
                print_hint(f"The archive is behind: {error.message}. Looking again.")
                continue
            _print(sorted(entries, key=_moment), json=json)


async def _last(client: PromoClient, seen: dict[Kind, Seen], last: int) -> list[tuple[Kind, Entry]]:
    """Return the last entries of each kind, and remember all that a further look finds again.

    What a call in progress commits later can be older than some of them: it is new all the same, unless too many are
    newer.
    """
    entries: list[tuple[Kind, Entry]] = []
    for kind, known in seen.items():
        source, shown = _SOURCES[kind], 0
        async for entry in source.read(client, "", _PAGE):
            time = source.time(entry).ToDatetime(UTC)
            if shown == last and (not known.reaches(time) or len(known.times) > _MOST):
                break
            known.take(entry.id, time)
            if shown < last:
                entries.append((kind, entry))
                shown += 1
        known.forget()
    return entries


async def _new(client: PromoClient, seen: dict[Kind, Seen]) -> list[tuple[Kind, Entry]]:
    found: list[tuple[Kind, Entry]] = []
    for kind, known in seen.items():
        source = _SOURCES[kind]
        wanted = known.condition(source.time_field)
        found += [(kind, entry) async for entry in source.read(client, wanted, _PAGE)]
    # Remembered only now: a list that fails half-way is read again from where it began.
    new = [one for one in found if seen[one[0]].take(one[1].id, _moment(one))]
    for known in seen.values():
        known.forget()
    return new


def _moment(one: tuple[Kind, Entry]) -> datetime:
    kind, entry = one
    return _SOURCES[kind].time(entry).ToDatetime(UTC)


def _print(entries: Sequence[tuple[Kind, Entry]], *, json: bool) -> None:
    for kind, entry in entries:
        if json:
            print_json({"kind": kind, **to_document(entry)})
        else:
            time = _moment((kind, entry)).strftime("%Y-%m-%d %H:%M:%S")
            print_line(f"{time}  {kind:<11}  {entry.id}  {_SOURCES[kind].words(entry)}")
