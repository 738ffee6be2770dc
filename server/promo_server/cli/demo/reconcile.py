"""Compares what the shops were told with what the server wrote down, to the penny."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from promo.client import Campaign
from promo.v1 import event_pb2
from promo_server.cli.books import Books, verify
from promo_server.cli.money import spell
from promo_server.cli.replay.tally import Tally
from promo_server.domain.ledger import StreamId
from promo_server.sql.rows.totals import CampaignTotals, KindTotal
from promo_server.store.counters import Limit
from promo_server.workers.verification import Report

_ARCHIVE_SECONDS = 30.0
_AT_ONCE = 1_000
_NOTHING = KindTotal(0, 0, "")


@dataclass(frozen=True, slots=True)
class Account:
    """What one side says of a campaign; amounts in minor units. The store's counters know only what counts now."""

    counting: int
    given: int
    redeemed: int | None = None
    discount: int | None = None
    rolled_back: int | None = None
    returned: int | None = None


@dataclass(slots=True)
class Reconciliation:
    """The accounts of all sides, and where they differ."""

    accounts: dict[str, Account]
    report: Report
    problems: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether all sides tell the same."""
        return not self.problems and self.report.agrees


async def reconcile(books: Books, project_id: str, campaign: Campaign, tally: Tally) -> Reconciliation:
    """Ask shops, ledger, store and archive for their accounts of a campaign, and compare them."""
    report = await verify(books, project_id, _ARCHIVE_SECONDS)
    async with books.database.read() as unit:
        totals = await unit.totals.of_campaign(project_id, campaign.id)
    accounts = {
        "shops": _account(tally.redeemed, tally.discount, tally.rolled_back, tally.returned),
        "ledger": await _of_ledger(books, project_id, campaign.id),
        "archive": _account(totals.redeemed, totals.discount, totals.rolled_back, totals.returned),
        "store": await _of_store(books, project_id, totals),
    }
    found = Reconciliation(accounts, report)
    _compare(found, campaign, totals)
    if tally.wrong_repeats:
        found.problems.append(f"{len(tally.wrong_repeats)} repeated requests got another answer than the first")
    return found


def _account(redeemed: int, discount: int, rolled_back: int, returned: int) -> Account:
    return Account(redeemed - rolled_back, discount - returned, redeemed, discount, rolled_back, returned)


async def _of_ledger(books: Books, project_id: str, campaign_id: str) -> Account:
    """Add up the entries of the store's ledger, which are all there: they stay for hours."""
    given: dict[str, int] = {}
    rolled_back = returned = 0
    async for entry in _entries(books, project_id):
        if entry.HasField("redemption"):
            for result in entry.redemption.results:
                if result.campaign_id == campaign_id and result.redemption_id:
                    given[result.redemption_id] = result.applied_discount_amount
        elif entry.HasField("rollback"):
            for item in entry.rollback.rolled_back_ids:
                if item in given:
                    rolled_back += 1
                    returned += given[item]
    return _account(len(given), sum(given.values()), rolled_back, returned)


async def _entries(books: Books, project_id: str) -> AsyncIterator[event_pb2.LedgerEntry]:
    for partition in range(books.ledger.partitions):
        after = StreamId()
        while facts := await books.ledger.page(project_id, partition, after, _AT_ONCE):
            for fact in facts:
                yield event_pb2.LedgerEntry.FromString(fact.entry)
            after = facts[-1].place


async def _of_store(books: Books, project_id: str, totals: CampaignTotals) -> Account:
    """Read the counters that decide: uses of the campaign, and its budget."""
    uses = totals.kinds.get(event_pb2.LIMIT_KIND_PER_CAMPAIGN, _NOTHING)
    budget = totals.kinds.get(event_pb2.LIMIT_KIND_DISCOUNT_BUDGET, _NOTHING)
    limits = [Limit(uses.limit), Limit(budget.limit, money=True)]
    if not all(limit.name for limit in limits):
        return Account(0, 0)
    states = await books.counters.read(project_id, limits)
    counting, given = (state.taken if state is not None else 0 for state in states)
    return Account(counting, given)


def _compare(found: Reconciliation, campaign: Campaign, totals: CampaignTotals) -> None:
    shops = found.accounts["shops"]
    for name, account in found.accounts.items():
        for what in ("redeemed", "rolled_back", "counting", "discount", "returned", "given"):
            theirs, ours = getattr(account, what), getattr(shops, what)
            if theirs is not None and theirs != ours:
                found.problems.append(f"{what.replace('_', ' ')}: the shops counted {ours}, the {name} {theirs}")
    for kind in (
        event_pb2.LIMIT_KIND_PER_CODE,
        event_pb2.LIMIT_KIND_PER_CUSTOMER,
        event_pb2.LIMIT_KIND_PER_CAMPAIGN,
    ):
        slots = totals.kinds.get(kind, _NOTHING).count
        if slots != shops.counting:
            name = event_pb2.LimitKind.Name(kind).removeprefix("LIMIT_KIND_").lower().replace("_", " ")
            found.problems.append(f"active slots {name}: {slots}, but {shops.counting} redemptions count")
    if shops.counting > campaign.limits.per_campaign:
        found.problems.append(f"{shops.counting} redemptions passed the limit of {campaign.limits.per_campaign}")
    if shops.given > campaign.limits.discount_budget:
        budget = spell(campaign.limits.discount_budget, campaign.currency_code)
        found.problems.append(f"the discounts passed the budget of {budget}")
