"""Rewrites what entries that the archive could not take say of persons who were erased."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace

from google.protobuf.message import DecodeError

from promo.v1 import customer_pb2, event_pb2
from promo_server.services.archive_ports import SetAsideEntry
from promo_server.services.history_ports import Erasure, HeldVoucher
from promo_server.services.ports import Database, UnitOfWork
from promo_server.store.publications import PublishedRecord, RedisPublications
from promo_server.workers.entries import happened_ms, persons_of, read_entry
from promo_server.workers.redaction import holder_record, redacted_entry, redacted_override, redacted_record

_AT_ONCE = 200
"""Entries in one transaction: other writers wait for its end."""

_Place = tuple[str, int]
"""A voucher: id of its campaign, and its position there."""


class SetAsideErasure:
    """Erases persons from entries that were set aside, and from what the store has of those.

    To be done before the archive's own entries are looked at: what is taken into the archive meanwhile is there then.
    """

    def __init__(self, database: Database, publications: RedisPublications) -> None:
        """Keep what erasing needs."""
        self._database = database
        self._publications = publications

    async def __call__(self, project_id: str, erasures: Sequence[Erasure]) -> Mapping[str, Sequence[HeldVoucher]]:
        """Erase persons of a project from all of its entries.

        Return, by person, the edited vouchers of which such an entry alone tells that they are theirs: the archive has
        the edit, and no holder.
        """
        persons = {one.source_id: one.erase_ms for one in erasures}
        # First, since a voucher can have been edited before or after it was handed out.
        held: dict[_Place, str] = {}
        async for entries in self._pages(project_id):
            for one in entries:
                held.update(_handed_out(one, persons))
        async for entries in self._pages(project_id):
            async with self._database.read() as unit:
                holders = await _holders(unit, project_id, entries)
                numbers = await unit.campaigns.numbers(project_id)
            rewritten = []
            for one in entries:
                other = _redacted(one, persons, held, holders)
                if other != one:
                    # The store first: the entry is what tells that there is something to do.
                    await self._rewrite_store(project_id, numbers, other)
                    rewritten.append(other)
            async with self._database.write() as unit:
                await unit.set_aside.rewrite(project_id, rewritten)
        # Last: an edit that was taken into the archive meanwhile is there now.
        return await self._edited(project_id, held)

    async def _edited(self, project_id: str, held: Mapping[_Place, str]) -> Mapping[str, Sequence[HeldVoucher]]:
        asked: dict[str, list[int]] = defaultdict(list)
        for campaign_id, position in sorted(held):
            asked[campaign_id].append(position)
        found: dict[str, list[HeldVoucher]] = defaultdict(list)
        async with self._database.read() as unit:
            for campaign_id, positions in asked.items():
                for state in await unit.vouchers.at(project_id, campaign_id, positions):
                    if state.record is not None and state.holder is None:
                        one = HeldVoucher(campaign_id, state.position, state.record)
                        found[held[campaign_id, state.position]].append(one)
        return found

    async def _pages(self, project_id: str) -> AsyncIterator[Sequence[SetAsideEntry]]:
        last: SetAsideEntry | None = None
        while True:
            async with self._database.read() as unit:
                entries = await unit.set_aside.page(project_id, last, _AT_ONCE)
            if not entries:
                return
            yield entries
            last = entries[-1]

    async def _rewrite_store(
        self,
        project_id: str,
        numbers: Mapping[str, int],
        redacted: SetAsideEntry,
    ) -> None:
        """Take out of the store what was taken out of an entry; what it has of something else stays."""
        entry = _read(redacted)
        if entry is None:
            return
        if entry.HasField("publication") and entry.publication.campaign_id in numbers and redacted.positions:
            number = numbers[entry.publication.campaign_id]
            published = PublishedRecord(number, redacted.positions, holder_record(redacted.entry))
            await self._publications.rewrite(project_id, [published], redacted_record)
        if entry.HasField("voucher") and entry.voucher.campaign_id in numbers:
            number, change = numbers[entry.voucher.campaign_id], entry.voucher
            record = change.override.SerializeToString()
            await self._publications.rewrite_voucher(project_id, number, change.position, record, redacted_override)


async def _holders(
    unit: UnitOfWork, project_id: str, entries: Sequence[SetAsideEntry]
) -> Mapping[_Place, tuple[str, int]]:
    """Return whom the archive knows to hold the vouchers that entries have changed, and since when."""
    asked: dict[str, set[int]] = {}
    for one in entries:
        entry = _read(one)
        if entry is not None and entry.HasField("voucher"):
            asked.setdefault(entry.voucher.campaign_id, set()).add(entry.voucher.position)
    return {
        (campaign_id, state.position): (state.holder, state.publish_ms or 0)
        for campaign_id, positions in asked.items()
        for state in await unit.vouchers.at(project_id, campaign_id, sorted(positions))
        if state.holder is not None
    }


def _handed_out(one: SetAsideEntry, persons: Mapping[str, int]) -> Mapping[_Place, str]:
    """Return the vouchers that an entry has handed out to one of the persons, and to whom."""
    entry = _read(one)
    if entry is None or not entry.HasField("publication") or not _is_about(entry, persons):
        return {}
    return {(entry.publication.campaign_id, position): entry.publication.customer for position in one.positions}


def _redacted(
    one: SetAsideEntry,
    persons: Mapping[str, int],
    held: Collection[_Place],
    holders: Mapping[_Place, tuple[str, int]],
) -> SetAsideEntry:
    """Return an entry without what it says of the persons, by the times up to which they are erased.

    `held` are vouchers that such entries have handed out to them, `holders` those that the archive knows. An entry that
    is not known here and tells of a person keeps its place only. What was wrong with an entry can be told in its own
    words, so that goes too.
    """
    entry = _read(one)
    if entry is None:
        return _without_words(one, b"") if _unknown_is_about(one.entry, persons) else one
    if entry.HasField("voucher"):
        place = (entry.voucher.campaign_id, entry.voucher.position)
        holder, publish_ms = holders.get(place, ("", 0))
        theirs = place in held or publish_ms <= persons.get(holder, -1)
    else:
        theirs = _is_about(entry, persons)
    return _without_words(one, redacted_entry(one.entry)) if theirs else one


def _is_about(entry: event_pb2.LedgerEntry, persons: Mapping[str, int]) -> bool:
    at_ms = happened_ms(entry)
    return any(at_ms <= persons.get(name, -1) for name in persons_of(entry))


def _unknown_is_about(entry: bytes, persons: Collection[str]) -> bool:
    """Return whether an entry that cannot be read, or is of a kind that is not known here, names one of the persons.

    Where it names a customer it is that one's, whoever else is in it: what is theirs cannot be told from the rest here,
    and must not go. What it says of others is erased when it is taken into the archive, see set_aside.
    """
    try:
        customer = read_entry(entry).customer.source_id
    except DecodeError:
        customer = ""
    # A short id alone is in nearly everything: it is looked for as such a text is written, behind its length.
    return customer in persons if customer else any(_as_written(one) in entry for one in persons)


def _as_written(source_id: str) -> bytes:
    """Return an id as it stands in an entry, without the number of its field."""
    return customer_pb2.Customer(source_id=source_id).SerializeToString()[1:]


def _without_words(one: SetAsideEntry, entry: bytes) -> SetAsideEntry:
    return replace(one, entry=entry, problem=one.problem.partition(":")[0])


def _read(one: SetAsideEntry) -> event_pb2.LedgerEntry | None:
    """Return the entry, None when it cannot be read or is of a kind that is not known here."""
    try:
        entry = read_entry(one.entry)
    except DecodeError:
        return None
    return entry if entry.WhichOneof("fact") else None
