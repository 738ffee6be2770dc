"""What can be read of the archive, page by page, and what is rewritten when a person is erased."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from promo_server.domain.lists import Listed, ListQuery
from promo_server.services.archive_ports import ArchivedRedemption


@dataclass(frozen=True, slots=True)
class ArchivedEntry:
    """A rollback or publication of the archive: its id, and the whole ledger entry, serialized.

    A publication has its campaign and the positions handed out.
    """

    id: str
    entry: bytes
    campaign_id: str = ""
    positions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchivedCustomer:
    """A customer's profile. Times are milliseconds since 1970, UTC."""

    id: str
    source_id: str
    name: str
    email: str
    phone: str
    metadata: Mapping[str, str]
    create_ms: int
    update_ms: int


@dataclass(frozen=True, slots=True)
class ArchivedOrder:
    """An order as its last redemption left it: that redemption's ledger entry, serialized, and its state."""

    source_id: str
    customer: str
    redemption_id: str
    entry: bytes
    state: str
    create_ms: int
    update_ms: int


class HistoryRows(Protocol):
    """Lists and gets over the archive. A page is one range of an index, see promo_server.sql.rows.history."""

    async def redemptions(self, project_id: str, query: ListQuery) -> Listed[ArchivedRedemption]:
        """Return a page of redemptions."""
        ...

    async def rollbacks(self, project_id: str, query: ListQuery) -> Listed[ArchivedEntry]:
        """Return a page of rollbacks."""
        ...

    async def publications(self, project_id: str, query: ListQuery) -> Listed[ArchivedEntry]:
        """Return a page of publications."""
        ...

    async def publication_of(self, project_id: str, campaign_id: str, position: int) -> str | None:
        """Return the id of the publication that handed out a position of a campaign."""
        ...

    async def customers(self, project_id: str, query: ListQuery) -> Listed[ArchivedCustomer]:
        """Return a page of customers."""
        ...

    async def orders(self, project_id: str, query: ListQuery) -> Listed[ArchivedOrder]:
        """Return a page of orders."""
        ...

    async def customer(self, project_id: str, source_id: str) -> ArchivedCustomer | None:
        """Return a customer who was not erased."""
        ...

    async def order(self, project_id: str, source_id: str) -> ArchivedOrder | None:
        """Return an order."""
        ...


@dataclass(frozen=True, slots=True)
class Erasure:
    """A person to erase from what happened up to a time, milliseconds since 1970."""

    project_id: str
    source_id: str
    erase_ms: int


@dataclass(frozen=True, slots=True)
class HeldVoucher:
    """A voucher that was published to a person and edited on its own; `record` is what it has, serialized."""

    campaign_id: str
    position: int
    record: bytes


class ErasureRows(Protocol):
    """Erasures that are not done yet, and the entries to rewrite for them."""

    async def projects(self) -> Sequence[str]:
        """Return the projects with erasures that are not done."""
        ...

    async def waiting(self, project_id: str, after: Erasure | None, count: int) -> Sequence[Erasure]:
        """Return erasures of a project that are not done, oldest first, those that follow one."""
        ...

    async def finish(self, erasure: Erasure, now_ms: int) -> None:
        """Note that an erasure is done, unless the person was erased once more meanwhile."""
        ...

    async def begin_again(self, project_id: str, about: Sequence[tuple[str, int]]) -> None:
        """Note that erasures of persons up to a time or later, milliseconds since 1970, are not done."""
        ...

    async def redemptions(self, erasure: Erasure, after: str, count: int) -> Sequence[ArchivedEntry]:
        """Return the person's redemptions whose ids follow `after`, by id."""
        ...

    async def publications(self, erasure: Erasure, after: str, count: int) -> Sequence[ArchivedEntry]:
        """Return the person's publications whose ids follow `after`, by id."""
        ...

    async def vouchers(self, erasure: Erasure, after: tuple[str, int], count: int) -> Sequence[HeldVoucher]:
        """Return the person's edited vouchers that follow (campaign id, position), up to `count` of them."""
        ...

    async def rewrite_vouchers(self, project_id: str, vouchers: Sequence[tuple[HeldVoucher, bytes]]) -> None:
        """Put other records in the place of those of vouchers that are still as they are here."""
        ...

    async def rewrite_redemptions(self, project_id: str, entries: Mapping[str, bytes]) -> None:
        """Put other ledger entries in the place of those of redemptions, by id."""
        ...

    async def rewrite_publications(self, project_id: str, entries: Mapping[str, bytes]) -> None:
        """Put other ledger entries in the place of those of publications, by id."""
        ...
