"""What the archive promises, and what is written to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from promo_server.domain.ledger import Checkpoint, StreamId

Row = dict[str, Any]
"""One row of a table of the archive, by column."""

ROLLED_BACK = "rolled_back"
"""State of a redemption of which everything was undone: it has no other one any more."""


@dataclass(frozen=True, slots=True)
class Undone:
    """One redeemable of an earlier redemption that a rollback has undone."""

    redemption_id: str
    redeemable: int
    item_id: str
    rollback_id: str


class CustomerFact(NamedTuple):
    """What calls have said of a customer from `first_ms` to `at_ms`; None is what they have said nothing of."""

    source_id: str
    id: str
    first_ms: int
    at_ms: int
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    metadata: Mapping[str, str] | None = None

    @property
    def says_something(self) -> bool:
        """Whether more than that there is such a customer."""
        return any(value is not None for value in (self.name, self.email, self.phone, self.metadata))

    def followed_by(self, later: CustomerFact) -> CustomerFact:
        """Return both facts as one."""
        return CustomerFact(
            self.source_id,
            self.id,
            self.first_ms,
            later.at_ms,
            self.name if later.name is None else later.name,
            self.email if later.email is None else later.email,
            self.phone if later.phone is None else later.phone,
            self.metadata if later.metadata is None else later.metadata,
        )


@dataclass(slots=True)
class ArchiveBatch:
    """Facts of one project that become rows in one transaction.

    What a rollback of the same batch has undone is already marked so in its rows; `undone` and `states` are about
    redemptions of earlier batches.
    """

    redemptions: list[Row] = field(default_factory=list)
    redemption_items: list[Row] = field(default_factory=list)
    rollbacks: list[Row] = field(default_factory=list)
    publications: list[Row] = field(default_factory=list)
    movements: list[Row] = field(default_factory=list)
    customers: list[CustomerFact] = field(default_factory=list)
    erasures: dict[str, CustomerFact] = field(default_factory=dict)
    """Persons who were erased, by source_id; `customers` has what came after."""
    orders: list[Row] = field(default_factory=list)
    vouchers: list[Row] = field(default_factory=list)
    undone: list[Undone] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ArchivedRedemption:
    """A redemption of the archive: the whole ledger entry, serialized, and what has become of it since."""

    entry: bytes
    state: str
    rolled_back_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LimitUse:
    """What counts of one limit: movements that were not returned, their sum, the highest slot and sequence."""

    limit: str
    kind: int
    count: int
    amount: int
    highest_slot: int
    highest_sequence: int


@dataclass(frozen=True, slots=True)
class ArchivedPublication:
    """A publication of the archive: the whole ledger entry, serialized, and the positions handed out."""

    id: str
    campaign_id: str
    customer: str
    publish_ms: int
    positions: tuple[int, ...]
    entry: bytes


@dataclass(frozen=True, slots=True)
class EditedVoucher:
    """What a voucher has of its own: the promo.v1.VoucherOverride, serialized."""

    campaign_id: str
    position: int
    deleted: bool
    record: bytes


@dataclass(frozen=True, slots=True)
class SetAsideEntry:
    """A ledger entry that the archive could not take: where it is in the ledger, the entry, serialized, and why.

    A publication has the positions handed out. What the store itself could not read is as the store had it. One that is
    `left_out` waits no more: a store was rebuilt without it, and can have given to others what it used.
    """

    partition: int
    place: StreamId
    entry: bytes
    positions: tuple[int, ...]
    problem: str
    left_out: bool = False

    @property
    def id(self) -> str:
        """The entry's own id."""
        return f"{self.partition:02x}:{self.place}"


class ArchiveRows(Protocol):
    """What happened, as far as it is projected."""

    async def checkpoints(self, project_id: str, *, lock: bool = False) -> Mapping[int, Checkpoint]:
        """Return how far each partition is, none for one that has nothing yet; `lock` keeps others from advancing."""
        ...

    async def advance(self, project_id: str, checkpoints: Mapping[int, Checkpoint], now_ms: int) -> None:
        """Write how far partitions are."""
        ...

    async def write(self, project_id: str, batch: ArchiveBatch) -> None:
        """Write facts; fails with CONFLICT when a slot is active already."""
        ...

    async def active_slots(self, project_id: str, slots: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
        """Return those of the (limit, slot) pairs that are active."""
        ...

    async def note_conflicts(self, rows: Sequence[Row]) -> None:
        """Keep uses whose slot was active already."""
        ...

    async def withdraw_conflicts(self, project_id: str, undone: Undone, since: StreamId) -> None:
        """Let the use count that took a slot after this one was undone, at a place in the ledger.

        Before the archive knew that, the later use seemed to pass the limit; it is no conflict any more. One that was a
        conflict itself leaves everything as it is.
        """
        ...

    async def redemption(self, project_id: str, redemption_id: str) -> ArchivedRedemption | None:
        """Return a redemption."""
        ...

    async def entry(self, project_id: str, name: str) -> bytes | None:
        """Return a whole ledger entry, serialized, by the id of its redemption or rollback, or by its own id."""
        ...

    async def rollbacks_of(self, project_id: str, redemption_ids: Sequence[str]) -> Sequence[bytes]:
        """Return the ledger entries of the rollbacks of redemptions, serialized, in the order of their ids."""
        ...

    async def movements(
        self,
        project_id: str,
        partition: int,
        first: StreamId,
        last: StreamId,
    ) -> Mapping[StreamId, Sequence[tuple[str, int, int, int, int]]]:
        """Return (limit, amount, slot, sequence, total) of the movements of entries, from one to another."""
        ...

    async def limits(self, project_id: str, after: str, count: int) -> Sequence[LimitUse]:
        """Return what counts of the limits whose names follow `after`, by name, up to `count` of them."""
        ...

    async def slots(self, project_id: str, limits: Sequence[str]) -> Mapping[str, Sequence[int]]:
        """Return the active slots of limits, ascending."""
        ...

    async def publications(
        self,
        project_id: str,
        after: ArchivedPublication | None,
        count: int,
    ) -> Sequence[ArchivedPublication]:
        """Return publications by customer and then by time, those that follow `after`, up to `count` of them."""
        ...

    async def edited_vouchers(
        self,
        project_id: str,
        after: tuple[str, int],
        count: int,
    ) -> Sequence[EditedVoucher]:
        """Return vouchers that were edited, those that follow (campaign id, position), up to `count` of them."""
        ...

    async def rolled_back_items(self, project_id: str, after: str, count: int) -> Sequence[str]:
        """Return the ids of redeemables that were rolled back, those that follow `after`, up to `count` of them."""
        ...

    async def conflict_count(self, project_id: str) -> int:
        """Return how many uses had a slot that was active already."""
        ...


class SetAsideRows(Protocol):
    """Ledger entries that the archive could not take."""

    async def add(self, project_id: str, entry: SetAsideEntry, now_ms: int) -> None:
        """Keep an entry."""
        ...

    async def projects(self) -> Sequence[str]:
        """Return the projects of which some wait to be taken."""
        ...

    async def count(self, project_id: str, *, left_out: bool = False) -> int:
        """Return how many wait to be taken or, when `left_out`, never will be."""
        ...

    async def page(
        self, project_id: str, after: SetAsideEntry | None, count: int, *, left_out: bool = True
    ) -> Sequence[SetAsideEntry]:
        """Return entries in the order in which they happened, those that follow one, up to `count` of them.

        Unless `left_out` only those that wait to be taken.
        """
        ...

    async def take(self, project_id: str, entries: Sequence[SetAsideEntry]) -> Sequence[SetAsideEntry]:
        """Remove those of the entries that still wait, and return them as they are, in order."""
        ...

    async def leave_out(self, project_id: str) -> None:
        """Let none of those that wait be taken any more."""
        ...

    async def rewrite(self, project_id: str, entries: Sequence[SetAsideEntry]) -> None:
        """Put these in the place of those of the entries that are still there."""
        ...
