"""A second opinion on what happened: the ledger read from the store itself, beside the counters.

Nothing here uses the engine's code but the names of keys, so that what it counts wrong is not counted wrong twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis
from support.server_process import ServerProcess

from promo.client import Campaign
from promo.v1.event_pb2 import LedgerEntry, LimitKind, Movement
from promo.v1.redeemable_pb2 import RedeemableStatus
from promo.v1.voucher_pb2 import VoucherOverride
from promo_server.store import keys

PARTITIONS = 64
MONEY = {LimitKind.LIMIT_KIND_DISCOUNT_BUDGET, LimitKind.LIMIT_KIND_ORDER_VALUE_BUDGET}
LIMIT_FIELDS = {
    LimitKind.LIMIT_KIND_PER_CODE: "per_code",
    LimitKind.LIMIT_KIND_PER_CUSTOMER_PER_CODE: "per_customer_per_code",
    LimitKind.LIMIT_KIND_PER_CUSTOMER: "per_customer",
    LimitKind.LIMIT_KIND_PER_CAMPAIGN: "per_campaign",
    LimitKind.LIMIT_KIND_PER_DAY: "per_day",
    LimitKind.LIMIT_KIND_PER_WEEK: "per_week",
    LimitKind.LIMIT_KIND_PER_MONTH: "per_month",
    LimitKind.LIMIT_KIND_DISCOUNT_BUDGET: "discount_budget",
    LimitKind.LIMIT_KIND_ORDER_VALUE_BUDGET: "order_value_budget",
}


@dataclass
class Account:
    """What counts of a campaign: uses that were not rolled back."""

    uses: int = 0
    discount: int = 0
    customers: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    redemptions: set[str] = field(default_factory=set)
    request_ids: Counter[str] = field(default_factory=Counter)


def store_of(server: ServerProcess) -> Redis:
    """Return a client of the server's store; close it after use."""
    return Redis.from_url(server.store_url)


def account_of(server: ServerProcess, campaign: Campaign) -> Account:
    """Return what counts of a campaign, after ledger, counters and budgets were found to agree.

    No hold on the campaign may be live.
    """
    project = str(server.ready["project_id"])
    ledger = _LEDGERS.setdefault((server.state_dir, project), _Ledger())
    with store_of(server) as store:
        ledger.read_on(store, project)
        account, taken = _settle(ledger, campaign)
        for name, movements in taken.items():
            _check_limit(store, project, campaign, name, movements)
    return account


class _Ledger:
    """A ledger as far as it was read. Entries are never changed, so that only what is new need be read."""

    def __init__(self) -> None:
        self.redemptions: dict[str, dict[str, LedgerEntry]] = defaultdict(dict)
        """By campaign and id; a stack is under each of its campaigns."""
        self.undone: Counter[str] = Counter()
        """How often each redeemable was rolled back."""
        self.returned: dict[str, list[Movement]] = defaultdict(list)
        """What was returned for each redeemable."""
        self._places: dict[int, str] = {}

    def read_on(self, store: Redis, project: str) -> None:
        """Read what was appended since."""
        with store.pipeline(transaction=False) as pipe:
            for partition in range(PARTITIONS):
                after = f"({self._places[partition]}" if partition in self._places else "-"
                pipe.xrange(keys.ledger(project, partition), min=after)
            for partition, found in enumerate(pipe.execute()):
                for place, fields in found:
                    self._places[partition] = place.decode()
                    self._add(f"{partition:02x}", place.decode(), fields)

    def _add(self, partition: str, place: str, fields: dict[bytes, bytes]) -> None:
        entry = LedgerEntry.FromString(fields[b"b"])
        if entry.WhichOneof("fact") in {"publication", "voucher"}:
            return
        for movement, result in zip(entry.movements, fields[b"o"].decode().split(","), strict=False):
            movement.slot, movement.sequence, movement.total = map(int, result.split(":"))
        milliseconds, sequence = map(int, place.split("-"))
        for result in entry.redemption.results:
            self.redemptions[result.campaign_id][f"r_{partition}{milliseconds:011x}{sequence:03x}"] = entry
        self.undone.update(entry.rollback.rolled_back_ids)
        for movement in entry.movements:
            self.returned[f"{entry.rollback.redemption_id}.{movement.redeemable}"].append(movement)


_LEDGERS: dict[tuple[Path, str], _Ledger] = {}


def _settle(ledger: _Ledger, campaign: Campaign) -> tuple[Account, dict[str, list[Movement]]]:
    twice = [use for use, count in ledger.undone.items() if count > 1]
    assert not twice, f"rolled back more than once: {twice}"
    account, taken = Account(), defaultdict[str, list[Movement]](list)
    for name, entry in ledger.redemptions[campaign.id].items():
        for place, result in enumerate(entry.redemption.results):
            if result.campaign_id != campaign.id or result.status != RedeemableStatus.REDEEMABLE_STATUS_APPLICABLE:
                continue
            own = [movement for movement in entry.movements if movement.redeemable == place]
            use = f"{name}.{place}"
            for movement in own:
                # A limit that everything was given back to is looked at as well.
                taken[movement.limit].extend([] if use in ledger.undone else [movement])
            if use in ledger.undone:
                _check_return(own, ledger.returned[use])
                continue
            account.uses += 1
            account.discount += result.applied_discount_amount
            account.customers[entry.redemption.customer] += 1
            account.codes[result.voucher_id] += 1
            account.redemptions.add(name)
            account.request_ids[entry.request_id] += 1
    return account, taken


def _check_return(taken: list[Movement], returned: list[Movement]) -> None:
    assert [(one.limit, -one.amount) for one in returned] == [(one.limit, one.amount) for one in taken]
    slots = [one.slot for one in taken if one.kind not in MONEY]
    assert [one.slot for one in returned if one.kind not in MONEY] == slots


def _check_limit(store: Redis, project: str, campaign: Campaign, name: str, movements: list[Movement]) -> None:
    kind = LimitKind.ValueType(movements[0].kind) if movements else None
    limit = _limit(store, project, campaign, name, kind) if kind is not None else 0
    total = sum(movement.amount for movement in movements)
    stored = _stored(store, project, campaign, name)
    assert stored == total, f"{name}: the ledger says {total}, the counter {stored}"
    assert not limit or total <= limit, f"{name}: {total} of {limit}"
    if kind is not None and kind not in MONEY:
        slots = [movement.slot for movement in movements]
        assert len(set(slots)) == len(slots), f"{name}: a slot is active twice: {sorted(slots)}"
        assert all(slot >= 1 for slot in slots)
        assert not limit or max(slots) <= limit, f"{name}: slot {max(slots)} of {limit}"


def _limit(store: Redis, project: str, campaign: Campaign, name: str, kind: LimitKind.ValueType) -> int:
    """Return a campaign's limit, or that which a voucher has of its own."""
    limit = int(getattr(campaign.limits, LIMIT_FIELDS[kind]))
    if kind == LimitKind.LIMIT_KIND_PER_CODE:
        number, position = (int(part, 36) for part in name.split(":")[1:3])
        record = store.get(keys.voucher_override(project, number, position, PARTITIONS))
        own = VoucherOverride.FromString(record or b"")
        return own.redemption_limit if own.HasField("redemption_limit") else limit
    return limit


def _stored(store: Redis, project: str, campaign: Campaign, name: str) -> int:
    """Return what a counter, a sum or a single-use bit says, or a bit and the counter of further uses beside it."""
    key, _ = keys.limit(project, name, PARTITIONS, single_use=False)
    value = store.get(key)
    single_use = name.startswith("k:") and campaign.limits.per_code == 1
    counted = 0 if value is None else int(value.split(b":")[0])
    if not single_use:
        return counted
    page, offset = keys.limit(project, name, PARTITIONS, single_use=True)
    assert offset is not None
    # Slot 1 of the counter stands for the bit.
    return int(store.getbit(page, offset)) + max(counted - 1, 0)
