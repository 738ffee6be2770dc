"""Lists and gets over the archive.

Each page is one range of an index, found by the key of the last row of the page before: its cost depends neither on the
size of the table nor on how deep in the list the page is. Migration 0002 says which filters are compared row by row.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, TextClause, and_, false, select, text, true, tuple_

from promo_server.domain.filters import Condition, Operator
from promo_server.domain.lists import Listed, ListQuery, Place
from promo_server.services.archive_ports import ArchivedRedemption
from promo_server.services.history_ports import ArchivedCustomer, ArchivedEntry, ArchivedOrder
from promo_server.sql.rows.base import Rows
from promo_server.sql.tables import archive as tables
from promo_server.sql.tables.archive import (
    CUSTOMERS,
    ORDERS,
    PUBLICATIONS,
    REDEMPTION_ITEMS,
    REDEMPTIONS,
    ROLLBACKS,
    VOUCHER_STATES,
)

_COMPARE: Mapping[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQUAL: operator.eq,
    Operator.BELOW: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.ABOVE: operator.gt,
    Operator.AT_LEAST: operator.ge,
}
_LOWER = frozenset({Operator.ABOVE, Operator.AT_LEAST})
_UPPER = frozenset({Operator.BELOW, Operator.AT_MOST})
_BY_ID = "source_id"
"""The order by id."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Rows of one list: its query, the columns of its fields, and the id that rows are told apart by.

    `time` is the field of the usual order, in which the indexes of the `driving` fields are; `partial` has the
    conditions of those that are partial.
    """

    query: Select[Any]
    fields: Mapping[str, ColumnElement[Any]]
    id: ColumnElement[Any]
    time: str
    driving: frozenset[str]
    partial: Mapping[str, str] = field(default_factory=dict)


_REDEMPTION_COLUMNS = (REDEMPTIONS.c.entry, REDEMPTIONS.c.state, REDEMPTIONS.c.id)
_REDEMPTIONS = _Source(
    select(*_REDEMPTION_COLUMNS),
    {
        "customer": REDEMPTIONS.c.customer,
        "order": REDEMPTIONS.c.order_source_id,
        "state": REDEMPTIONS.c.state,
        "redeem_time": REDEMPTIONS.c.redeem_ms,
        "amount": REDEMPTIONS.c.amount,
        "discount_amount": REDEMPTIONS.c.discount_amount,
    },
    REDEMPTIONS.c.id,
    "redeem_time",
    frozenset({"campaign", "customer", "voucher", "order", "state"}),
    {"order": f"redemptions.{tables.ORDER_GIVEN}", "state": f"redemptions.{tables.UNDONE}"},
)
_ROLLBACKS = _Source(
    select(ROLLBACKS.c.id, ROLLBACKS.c.entry),
    {
        "redemption": ROLLBACKS.c.redemption_id,
        "rollback_time": ROLLBACKS.c.rollback_ms,
        "returned_amount": ROLLBACKS.c.returned_amount,
    },
    ROLLBACKS.c.id,
    "rollback_time",
    frozenset({"redemption"}),
)
_PUBLICATIONS = _Source(
    select(PUBLICATIONS.c.id, PUBLICATIONS.c.entry, PUBLICATIONS.c.campaign_id, PUBLICATIONS.c.positions),
    {
        "id": PUBLICATIONS.c.id,
        "campaign": PUBLICATIONS.c.campaign_id,
        "customer": PUBLICATIONS.c.customer,
        "source_id": PUBLICATIONS.c.source_id,
        "channel": PUBLICATIONS.c.channel,
        "publish_time": PUBLICATIONS.c.publish_ms,
    },
    PUBLICATIONS.c.id,
    "publish_time",
    frozenset({"campaign", "customer", "source_id", "channel"}),
    {"source_id": tables.SOURCE_ID_GIVEN, "channel": tables.CHANNEL_GIVEN},
)
_CUSTOMERS = _Source(
    select(CUSTOMERS).where(CUSTOMERS.c.erased == false()),
    {
        "source_id": CUSTOMERS.c.source_id,
        "email": CUSTOMERS.c.email,
        "phone": CUSTOMERS.c.phone,
        "create_time": CUSTOMERS.c.create_ms,
    },
    CUSTOMERS.c.source_id,
    "create_time",
    frozenset({"source_id", "email", "phone"}),
    {"email": tables.EMAIL_GIVEN, "phone": tables.PHONE_GIVEN},
)
_ORDERS = _Source(
    select(ORDERS, REDEMPTIONS.c.entry, REDEMPTIONS.c.state).join(
        REDEMPTIONS,
        and_(REDEMPTIONS.c.project_id == ORDERS.c.project_id, REDEMPTIONS.c.id == ORDERS.c.redemption_id),
    ),
    {
        "customer": ORDERS.c.customer,
        "create_time": ORDERS.c.create_ms,
        "amount": ORDERS.c.amount,
        "discount_amount": ORDERS.c.discount_amount,
    },
    ORDERS.c.source_id,
    "create_time",
    frozenset({"customer"}),
)


class SqlHistory(Rows):
    """The port `HistoryRows`."""

    async def redemptions(self, project_id: str, query: ListQuery) -> Listed[ArchivedRedemption]:
        """Return a page of redemptions, with what has become of each."""
        asked = {one.field for one in query.conditions}
        by_item = asked & {"campaign", "voucher"}
        source = _redemptions_by_item(asked) if by_item else _REDEMPTIONS
        project = REDEMPTION_ITEMS.c.project_id if by_item else REDEMPTIONS.c.project_id
        rows, last = await self._rows(source, project == project_id, query)
        undone = await self._undone(project_id, [row["id"] for row in rows if row["state"] != "succeeded"])
        found = [
            ArchivedRedemption(bytes(row["entry"]), row["state"], tuple(undone.get(row["id"], ()))) for row in rows
        ]
        return Listed(tuple(found), last)

    async def rollbacks(self, project_id: str, query: ListQuery) -> Listed[ArchivedEntry]:
        """Return a page of rollbacks."""
        rows, last = await self._rows(_ROLLBACKS, ROLLBACKS.c.project_id == project_id, query)
        return Listed(tuple(ArchivedEntry(row["id"], bytes(row["entry"])) for row in rows), last)

    async def publications(self, project_id: str, query: ListQuery) -> Listed[ArchivedEntry]:
        """Return a page of publications."""
        rows, last = await self._rows(_PUBLICATIONS, PUBLICATIONS.c.project_id == project_id, query)
        found = [
            ArchivedEntry(row["id"], bytes(row["entry"]), row["campaign_id"], tuple(row["positions"])) for row in rows
        ]
        return Listed(tuple(found), last)

    async def publication_of(self, project_id: str, campaign_id: str, position: int) -> str | None:
        """Return the id of the publication that handed out a position of a campaign.

        It is found among those to the same customer in the same millisecond.
        """
        handed_out = await self._one(
            select(VOUCHER_STATES.c.holder, VOUCHER_STATES.c.publish_ms).where(
                VOUCHER_STATES.c.project_id == project_id,
                VOUCHER_STATES.c.campaign_id == campaign_id,
                VOUCHER_STATES.c.position == position,
                VOUCHER_STATES.c.holder.is_not(None),
            ),
        )
        if handed_out is None:
            return None
        rows = await self._connection.execute(
            select(PUBLICATIONS.c.id, PUBLICATIONS.c.positions).where(
                PUBLICATIONS.c.project_id == project_id,
                PUBLICATIONS.c.customer == handed_out["holder"],
                PUBLICATIONS.c.publish_ms == handed_out["publish_ms"],
                # Not by the index of campaigns, which is longer.
                PUBLICATIONS.c.campaign_id.concat("") == campaign_id,
            ),
        )
        return next((publication_id for publication_id, positions in rows if position in positions), None)

    async def customers(self, project_id: str, query: ListQuery) -> Listed[ArchivedCustomer]:
        """Return a page of customers."""
        rows, last = await self._rows(_CUSTOMERS, CUSTOMERS.c.project_id == project_id, query)
        return Listed(tuple(_customer(row) for row in rows), last)

    async def orders(self, project_id: str, query: ListQuery) -> Listed[ArchivedOrder]:
        """Return a page of orders."""
        rows, last = await self._rows(_ORDERS, ORDERS.c.project_id == project_id, query)
        return Listed(tuple(_order(row) for row in rows), last)

    async def customer(self, project_id: str, source_id: str) -> ArchivedCustomer | None:
        """Return a customer who was not erased."""
        own = and_(CUSTOMERS.c.project_id == project_id, CUSTOMERS.c.source_id == source_id)
        row = await self._one(_CUSTOMERS.query.where(own))
        return None if row is None else _customer(row)

    async def order(self, project_id: str, source_id: str) -> ArchivedOrder | None:
        """Return an order."""
        row = await self._one(
            _ORDERS.query.where(ORDERS.c.project_id == project_id, ORDERS.c.source_id == source_id),
        )
        return None if row is None else _order(row)

    async def _rows(
        self,
        source: _Source,
        own: ColumnElement[bool],
        query: ListQuery,
    ) -> tuple[Sequence[RowMapping], Place | None]:
        """Return the rows of a page and its last place; one row more is read to see whether another page follows."""
        by_id = query.sort.field == _BY_ID
        keys = _sort_keys(source, query)
        statement = source.query.add_columns(source.id.label("_id"), keys[0].label("_key"))
        statement = statement.where(own, *_conditions(source, query))
        if query.after is not None:
            before = operator.lt if query.sort.descending else operator.gt
            if by_id:
                statement = statement.where(before(keys[0], query.after.id))
            else:
                statement = statement.where(before(tuple_(*keys), (query.after.key, query.after.id)))
        order = [key.desc() if query.sort.descending else key.asc() for key in keys]
        found = await self._connection.execute(statement.order_by(*order).limit(query.size + 1))
        rows = found.mappings().all()
        kept = rows[: query.size]
        if len(rows) <= query.size:
            return kept, None
        return kept, Place(0 if by_id else int(kept[-1]["_key"]), kept[-1]["_id"])

    async def _undone(self, project_id: str, ids: Sequence[str]) -> Mapping[str, list[str]]:
        """Return the ids of the redeemables that were rolled back, by redemption."""
        found: dict[str, list[str]] = {}
        if ids:
            statement = (
                select(REDEMPTION_ITEMS.c.redemption_id, REDEMPTION_ITEMS.c.id)
                .where(
                    REDEMPTION_ITEMS.c.project_id == project_id,
                    REDEMPTION_ITEMS.c.redemption_id.in_(ids),
                    REDEMPTION_ITEMS.c.rollback_id.is_not(None),
                )
                .order_by(REDEMPTION_ITEMS.c.redemption_id, REDEMPTION_ITEMS.c.redeemable)
            )
            for redemption_id, item_id in await self._connection.execute(statement):
                found.setdefault(redemption_id, []).append(item_id)
        return found


def _redemptions_by_item(asked: set[str]) -> _Source:
    """Return redemptions read along their items: those of a campaign or voucher, each redemption once."""
    query = select(*_REDEMPTION_COLUMNS).select_from(
        REDEMPTION_ITEMS.join(
            REDEMPTIONS,
            and_(
                REDEMPTIONS.c.project_id == REDEMPTION_ITEMS.c.project_id,
                REDEMPTIONS.c.id == REDEMPTION_ITEMS.c.redemption_id,
            ),
        ),
    )
    # A voucher is in a redemption once, a campaign can be in it several times.
    if "voucher" not in asked:
        query = query.where(REDEMPTION_ITEMS.c.campaign_first == true())
    items = {
        "campaign": REDEMPTION_ITEMS.c.campaign_id,
        "voucher": REDEMPTION_ITEMS.c.voucher_id,
        "redeem_time": REDEMPTION_ITEMS.c.redeem_ms,
    }
    return replace(
        _REDEMPTIONS,
        query=query,
        fields={**_REDEMPTIONS.fields, **items},
        id=REDEMPTION_ITEMS.c.redemption_id,
    )


def _drives(source: _Source, one: Condition) -> bool:
    """Return whether a condition is served from an index of its own."""
    return one.field in source.driving and one.value not in {"", "succeeded"}


def _sort_keys(source: _Source, query: ListQuery) -> tuple[ColumnElement[Any], ...]:
    """Return what the page is sorted by.

    In another order than that by time, rows of a driving condition are found by its index and sorted then. An
    expression keeps the database from walking the whole index of the order instead, to find the few of them.
    """
    key: ColumnElement[Any] = source.id if query.sort.field == _BY_ID else source.fields[query.sort.field]
    if query.sort.field != source.time and any(_drives(source, one) for one in query.conditions):
        key = key.concat("") if query.sort.field == _BY_ID else key + 0
    return (key,) if query.sort.field == _BY_ID else (key, source.id)


def _bounds_index(query: ListQuery, one: Condition) -> bool:
    """Return whether a number or time may bound the range of the index that is read.

    On another field than that of the order it would choose an index that leaves rows to be sorted. On a page that is
    not the first, the bound that the list begins at would be taken for the place that the page begins at.
    """
    if one.field != query.sort.field:
        return False
    begins = _UPPER if query.sort.descending else _LOWER
    return query.after is None or one.operator not in begins


def _conditions(source: _Source, query: ListQuery) -> list[ColumnElement[bool] | TextClause]:
    found: list[ColumnElement[bool] | TextClause] = []
    for one in query.conditions:
        column = source.fields[one.field]
        if isinstance(one.value, int) and not _bounds_index(query, one):
            column = column + 0
        found.append(_COMPARE[one.operator](column, one.value))
        if one.field in source.partial and _drives(source, one):
            found.append(text(source.partial[one.field]))
    return found


def _customer(row: RowMapping) -> ArchivedCustomer:
    return ArchivedCustomer(
        id=row["id"],
        source_id=row["source_id"],
        name=row["name"],
        email=row["email"],
        phone=row["phone"],
        metadata=row["metadata"],
        create_ms=row["create_ms"],
        update_ms=row["update_ms"],
    )


def _order(row: RowMapping) -> ArchivedOrder:
    return ArchivedOrder(
        source_id=row["source_id"],
        customer=row["customer"],
        redemption_id=row["redemption_id"],
        entry=bytes(row["entry"]),
        state=row["state"],
        create_ms=row["create_ms"],
        update_ms=row["update_ms"],
    )
