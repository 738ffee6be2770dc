"""Ledger entries as rows of the archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from promo.v1 import customer_pb2, event_pb2, order_pb2, redeemable_pb2, redemption_pb2, voucher_pb2
from promo_server.services.archive_ports import ROLLED_BACK, ArchiveBatch, CustomerFact, Row, Undone
from promo_server.store import ids
from promo_server.store.ledger import LedgerFact
from promo_server.workers.entries import read_entry

_STATES = {
    redemption_pb2.REDEMPTION_STATE_PARTIALLY_ROLLED_BACK: "partially_rolled_back",
    redemption_pb2.REDEMPTION_STATE_ROLLED_BACK: ROLLED_BACK,
}
SUCCEEDED = "succeeded"


def _milliseconds(time: Timestamp) -> int:
    return time.seconds * 1000 + time.nanos // 1_000_000


class UnreadableEntryError(ValueError):
    """There is something in the ledger that is no entry, or none that is known here; the text says why."""


class BatchBuilder:
    """Collects the facts of one project until they are written together."""

    def __init__(self, project_id: str) -> None:
        """Begin with nothing."""
        self._project_id = project_id
        self._batch = ArchiveBatch()
        self._redemptions: dict[str, Row] = {}
        self._items: dict[str, Row] = {}
        self._taken: dict[tuple[str, int], list[Row]] = {}
        self._customers: dict[str, list[CustomerFact]] = {}
        self._orders: dict[str, Row] = {}
        self._vouchers: dict[tuple[str, int], Row] = {}
        self._publications: list[event_pb2.LedgerEntry] = []

    def add(self, partition: int, fact: LedgerFact) -> None:
        """Add one entry; entries of a partition come in order. Fails when there is something wrong with it."""
        if fact.problem:
            raise UnreadableEntryError(fact.problem)
        entry = read_entry(fact.entry)
        redemption_id = ""
        match entry.WhichOneof("fact"):
            case "redemption":
                redemption_id = entry.redemption.id
                self._add_redemption(partition, entry, fact.entry)
                at_ms = _milliseconds(entry.redemption.redeem_time)
            case "rollback":
                redemption_id = entry.rollback.redemption_id
                self._add_rollback(entry, fact.entry)
                at_ms = _milliseconds(entry.rollback.rollback_time)
            case "publication":
                self._add_publication(partition, entry, fact)
                at_ms = _milliseconds(entry.publication.publish_time)
            case "customer_change":
                self._add_change(entry.customer_change)
                return
            case "voucher":
                self._add_voucher_change(entry)
                return
            case _:
                # The engine can be newer than this, and tell of what is not known here.
                raise UnreadableEntryError("it says nothing that is known here")
        if entry.HasField("customer") and entry.customer.source_id:
            self._add_customer(entry.customer, at_ms)
        self._add_movements(partition, fact, entry, redemption_id)

    def _add_redemption(self, partition: int, entry: event_pb2.LedgerEntry, blob: bytes) -> None:
        redemption = entry.redemption
        order = redemption.order
        row = {
            "project_id": self._project_id,
            "id": redemption.id,
            "partition": partition,
            "customer": redemption.customer,
            "order_source_id": order.source_id,
            "currency": order.currency_code,
            "amount": order.amount,
            "discount_amount": order.total_discount_amount,
            "state": SUCCEEDED,
            "redeem_ms": _milliseconds(redemption.redeem_time),
            "request_id": entry.request_id,
            "entry": blob,
        }
        self._redemptions[redemption.id] = row
        campaigns: set[str] = set()
        for place, result in enumerate(redemption.results):
            if result.status == redeemable_pb2.REDEEMABLE_STATUS_APPLICABLE:
                self._items[result.redemption_id] = {
                    "project_id": self._project_id,
                    "id": result.redemption_id,
                    "redemption_id": redemption.id,
                    "redeemable": place,
                    "campaign_id": result.campaign_id,
                    "voucher_id": result.voucher_id,
                    "code": result.code,
                    "discount_amount": result.applied_discount_amount,
                    "rollback_id": None,
                    "redeem_ms": row["redeem_ms"],
                    "campaign_first": result.campaign_id not in campaigns,
                }
                campaigns.add(result.campaign_id)
                self._count_use(result.campaign_id, result.voucher_id, 1)
        if order.source_id:
            self._add_order(order, row)

    def _add_order(self, order: order_pb2.Order, redemption: Row) -> None:
        """Keep what was said of an order last; entries of several partitions come in any order."""
        at_ms = redemption["redeem_ms"]
        row = {
            "project_id": self._project_id,
            "source_id": order.source_id,
            "customer": redemption["customer"],
            "currency": order.currency_code,
            "amount": order.amount,
            "discount_amount": order.total_discount_amount,
            "redemption_id": redemption["id"],
            "create_ms": at_ms,
            "update_ms": at_ms,
        }
        known = self._orders.setdefault(order.source_id, row)
        create_ms = min(known["create_ms"], at_ms)
        if known["update_ms"] <= at_ms:
            self._orders[order.source_id] = known = row
        known["create_ms"] = create_ms

    def undo(self, rollback: redemption_pb2.Rollback) -> None:
        """Take back what a rollback has undone, whether or not it is of this batch itself."""
        state = _STATES.get(rollback.redemption_state, SUCCEEDED)
        known = self._redemptions.get(rollback.redemption_id)
        if known is None:
            self._batch.states[rollback.redemption_id] = state
        elif known["state"] != ROLLED_BACK:
            known["state"] = state
        for item_id in rollback.rolled_back_ids:
            place = int(item_id.rpartition(".")[2])
            if known is None:
                self._batch.undone.append(Undone(rollback.redemption_id, place, item_id, rollback.id))
            else:
                item = self._items[item_id]
                item["rollback_id"] = rollback.id
                self._count_use(item["campaign_id"], item["voucher_id"], -1)
                for movement in self._taken.get((rollback.redemption_id, place), ()):
                    movement["active"] = False

    def _add_rollback(self, entry: event_pb2.LedgerEntry, blob: bytes) -> None:
        rollback = entry.rollback
        self.undo(rollback)
        self._batch.rollbacks.append(
            {
                "project_id": self._project_id,
                "id": rollback.id,
                "redemption_id": rollback.redemption_id,
                "returned_amount": rollback.returned_discount_amount,
                "rollback_ms": _milliseconds(rollback.rollback_time),
                "reason": rollback.reason,
                "request_id": entry.request_id,
                "entry": blob,
            },
        )

    def _add_publication(self, partition: int, entry: event_pb2.LedgerEntry, fact: LedgerFact) -> None:
        publication = entry.publication
        self._publications.append(entry)
        self._batch.publications.append(
            {
                "project_id": self._project_id,
                "partition": partition,
                "ledger_id": fact.place.sortable,
                "campaign_id": publication.campaign_id,
                "customer": publication.customer,
                "source_id": publication.source_id,
                "channel": publication.channel,
                "positions": fact.positions,
                "publish_ms": _milliseconds(publication.publish_time),
            },
        )
        for position in fact.positions:
            row = self._voucher(publication.campaign_id, position)
            row["holder"] = publication.customer
            row["publish_ms"] = _milliseconds(publication.publish_time)

    def _add_voucher_change(self, entry: event_pb2.LedgerEntry) -> None:
        change = entry.voucher
        self._voucher(change.campaign_id, change.position).update(
            disabled=change.override.disabled,
            deleted=change.override.deleted,
            record=change.override.SerializeToString(),
        )

    def _count_use(self, campaign_id: str, voucher_id: str, uses: int) -> None:
        place = ids.place_of_voucher(voucher_id)
        if place is not None:
            self._voucher(campaign_id, place[1])["redeemed_count"] += uses

    def _voucher(self, campaign_id: str, position: int) -> Row:
        """Return what the batch says of a voucher: None where it says nothing, and uses added to those before."""
        return self._vouchers.setdefault(
            (campaign_id, position),
            {
                "project_id": self._project_id,
                "campaign_id": campaign_id,
                "position": position,
                "holder": None,
                "publish_ms": None,
                "redeemed_count": 0,
                "disabled": None,
                "deleted": None,
                "record": None,
            },
        )

    def _add_customer(self, customer: customer_pb2.Customer, at_ms: int) -> None:
        self._say(
            customer.source_id,
            at_ms,
            customer.name or None,
            customer.email or None,
            customer.phone or None,
            dict(customer.metadata) or None,
        )

    def _add_change(self, change: event_pb2.CustomerChange) -> None:
        customer, fields, at_ms = change.customer, change.fields, _milliseconds(change.change_time)
        if change.erased:
            self._erase(customer.source_id, at_ms)
            return
        self._say(
            customer.source_id,
            at_ms,
            customer.name if "name" in fields else None,
            customer.email if "email" in fields else None,
            customer.phone if "phone" in fields else None,
            dict(customer.metadata) if "metadata" in fields else None,
        )

    def _say(self, source_id: str, at_ms: int, *said: Any) -> None:  # noqa: ANN401 - texts and the metadata
        fact = CustomerFact(source_id, ids.customer_id(self._project_id, source_id), at_ms, at_ms, *said)
        self._customers.setdefault(source_id, []).append(fact)

    def _erase(self, source_id: str, at_ms: int) -> None:
        known = self._batch.erasures.get(source_id)
        if known is None or known.at_ms < at_ms:
            id_ = ids.customer_id(self._project_id, source_id)
            self._batch.erasures[source_id] = CustomerFact(source_id, id_, at_ms, at_ms)

    def _customer_facts(self) -> Iterator[CustomerFact]:
        """Yield what was said of each customer since the person was erased, as one fact.

        Entries of one partition come in order, those of several do not.
        """
        for source_id, facts in self._customers.items():
            erased = self._batch.erasures.get(source_id)
            since = facts if erased is None else [one for one in facts if one.at_ms > erased.at_ms]
            if len(since) > 1:
                yield reduce(CustomerFact.followed_by, sorted(since, key=lambda one: one.at_ms))
            elif since:
                yield since[0]

    def _add_movements(
        self,
        partition: int,
        fact: LedgerFact,
        entry: event_pb2.LedgerEntry,
        redemption_id: str,
    ) -> None:
        takes = entry.HasField("redemption")
        ledger_id = fact.place.sortable
        for ordinal, movement in enumerate(entry.movements):
            row = {
                "project_id": self._project_id,
                "partition": partition,
                "ledger_id": ledger_id,
                "ordinal": ordinal,
                "redemption_id": redemption_id,
                "redeemable": movement.redeemable,
                "limit_name": movement.limit,
                "limit_kind": movement.kind,
                "amount": movement.amount,
                "slot": movement.slot,
                "limit_sequence": movement.sequence,
                "total": movement.total,
                "active": takes,
            }
            self._batch.movements.append(row)
            if takes:
                self._taken.setdefault((redemption_id, movement.redeemable), []).append(row)

    @property
    def redemption_ids(self) -> list[str]:
        """Ids of the redemptions of the batch."""
        return list(self._redemptions)

    @property
    def edits(self) -> Mapping[str, Sequence[int]]:
        """Positions of the vouchers that were edited, ascending, by campaign id."""
        found: dict[str, list[int]] = {}
        edited = (place for place, row in self._vouchers.items() if row["record"] is not None)
        for campaign_id, position in sorted(edited):
            found.setdefault(campaign_id, []).append(position)
        return found

    def keep_later_edit(self, campaign_id: str, position: int, record: bytes) -> None:
        """Let what a voucher has of its own stay as it is in the archive, unless the batch has a later edit."""
        row = self._vouchers[campaign_id, position]
        archived, said = (voucher_pb2.VoucherOverride.FromString(one) for one in (record, row["record"]))
        if archived.revision >= said.revision:
            row.update(disabled=None, deleted=None, record=None)

    @property
    def published_campaigns(self) -> set[str]:
        """Ids of the campaigns whose numbers `finish` needs."""
        return {entry.publication.campaign_id for entry in self._publications}

    @property
    def undone_items(self) -> list[str]:
        """Ids of the redeemables of earlier batches whose uses were returned."""
        return [one.item_id for one in self._batch.undone]

    def return_uses(self, vouchers: Iterable[tuple[str, str]]) -> None:
        """Count one use less of each (campaign id, voucher id)."""
        for campaign_id, voucher_id in vouchers:
            self._count_use(campaign_id, voucher_id, -1)

    def finish(self, campaign_numbers: Mapping[str, int]) -> ArchiveBatch:
        """Return everything that was added; the ids of publications carry their campaign's number."""
        for row, entry in zip(self._batch.publications, self._publications, strict=True):
            number = campaign_numbers[entry.publication.campaign_id]
            entry.publication.id = row["id"] = ids.publication_id(number, row["positions"][0])
            row["entry"] = entry.SerializeToString()
        self._batch.redemptions = list(self._redemptions.values())
        self._batch.redemption_items = list(self._items.values())
        self._batch.customers = list(self._customer_facts())
        self._batch.orders = list(self._orders.values())
        self._batch.vouchers = list(self._vouchers.values())
        return self._batch
