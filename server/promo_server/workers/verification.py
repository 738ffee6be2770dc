"""Compares what store, ledger and archive say of every limit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field

from promo.v1 import event_pb2
from promo_server.domain.ledger import StreamId
from promo_server.services.archive_ports import LimitUse
from promo_server.services.ports import Database
from promo_server.store import keys
from promo_server.store.counters import CounterState, Limit, RedisCounters
from promo_server.store.ledger import RedisLedger
from promo_server.workers.entries import read_entry

_AT_ONCE = 1_000
_MOST_DIFFERENCES = 1_000
_MONEY = frozenset({event_pb2.LIMIT_KIND_DISCOUNT_BUDGET, event_pb2.LIMIT_KIND_ORDER_VALUE_BUDGET})
PERIODS = frozenset({event_pb2.LIMIT_KIND_PER_DAY, event_pb2.LIMIT_KIND_PER_WEEK, event_pb2.LIMIT_KIND_PER_MONTH})
"""Kinds of limits whose counters are collected after their period."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One limit, or one entry of the ledger, on which two sides disagree."""

    subject: str
    problem: str


@dataclass(slots=True)
class Report:
    """What was compared. `held` counts limits on which holds explain that the store has more than the archive."""

    limits: int = 0
    entries: int = 0
    held: int = 0
    live_holds: int = 0
    slot_conflicts: int = 0
    waiting: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether store, ledger and archive tell the same, and no limit was passed."""
        return not self.differences and not self.slot_conflicts and not self.waiting

    def add(self, subject: str, problem: str) -> None:
        """Note a difference; beyond a thousand they are only counted by their being there."""
        if len(self.differences) < _MOST_DIFFERENCES:
            self.differences.append(Difference(subject, problem))


def limit_of(use: LimitUse, single_use_campaigns: Collection[int]) -> Limit:
    """Return in which form the store counts a limit of the archive."""
    per_code = use.kind == event_pb2.LIMIT_KIND_PER_CODE
    # A single-use code's bit has no sequence of movements.
    has_bit = use.highest_sequence == 0 or keys.campaign_of_limit(use.limit) in single_use_campaigns
    single_use = per_code and has_bit
    return Limit(use.limit, use.kind in _MONEY, single_use, further=single_use and use.highest_sequence > 0)


class LedgerVerification:
    """Verifies one project. Run it while nothing is redeemed: it takes no lock."""

    def __init__(self, database: Database, ledger: RedisLedger, counters: RedisCounters) -> None:
        """Keep what verifying needs."""
        self._database = database
        self._ledger = ledger
        self._counters = counters

    async def __call__(self, project_id: str) -> Report:
        """Return what store, ledger and archive agree and disagree on."""
        report = Report()
        report.waiting = await self._ledger.waiting(project_id)
        report.live_holds = await self._counters.live_holds(project_id)
        async with self._database.read() as unit:
            report.slot_conflicts = await unit.archive.conflict_count(project_id)
            for one in await unit.set_aside.page(project_id, None, _MOST_DIFFERENCES):
                and_so = "the store was rebuilt without it" if one.left_out else "has set it aside"
                report.add(one.id, f"the archive could not take this entry and {and_so}: {one.problem}")
            single_use = await unit.campaigns.single_use(project_id)
        async for uses in self._limits(project_id):
            states = await self._counters.read(project_id, [limit_of(use, single_use) for use in uses])
            for use, state in zip(uses, states, strict=True):
                _compare(report, use, state)
        for partition in range(self._ledger.partitions):
            await self._compare_entries(report, project_id, partition)
        return report

    async def _limits(self, project_id: str) -> AsyncIterator[Sequence[LimitUse]]:
        after = ""
        while True:
            async with self._database.read() as unit:
                uses = await unit.archive.limits(project_id, after, _AT_ONCE)
            if not uses:
                return
            yield uses
            after = uses[-1].limit

    async def _compare_entries(self, report: Report, project_id: str, partition: int) -> None:
        after = StreamId()
        while facts := await self._ledger.page(project_id, partition, after, _AT_ONCE):
            async with self._database.read() as unit:
                known = await unit.archive.movements(project_id, partition, facts[0].place, facts[-1].place)
            for fact in facts:
                if fact.problem:
                    # The archive has set it aside, which is reported.
                    continue
                entry = read_entry(fact.entry)
                told = [(one.limit, one.amount, one.slot, one.sequence, one.total) for one in entry.movements]
                if told != list(known.get(fact.place, ())):
                    report.add(entry.id, "the archive has other movements of this entry than the ledger")
            report.entries += len(facts)
            after = facts[-1].place


def _compare(report: Report, use: LimitUse, state: CounterState | None) -> None:
    report.limits += 1
    expected = use.amount if use.kind in _MONEY else use.count
    if state is None:
        # Counters of a period are collected after its end.
        if use.kind not in PERIODS and expected:
            report.add(use.limit, f"the archive has {expected}, the store nothing")
        return
    if state.taken > expected and report.live_holds:
        report.held += 1
    elif state.taken != expected:
        report.add(use.limit, f"the archive has {expected}, the store {state.taken}")
    elif state.sequence and state.sequence < use.highest_sequence:
        report.add(use.limit, f"the archive has seen movement {use.highest_sequence}, the store {state.sequence}")
