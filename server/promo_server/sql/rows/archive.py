"""Queries on what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import and_, bindparam, case, delete, func, insert, select, true, tuple_, update

from promo_server.domain.ledger import Checkpoint, StreamId
from promo_server.services.archive_ports import (
    ROLLED_BACK,
    ArchiveBatch,
    ArchivedPublication,
    ArchivedRedemption,
    EditedVoucher,
    LimitUse,
    Row,
    Undone,
)
from promo_server.sql.rows.base import Rows
from promo_server.sql.rows.customers import SqlCustomers
from promo_server.sql.rows.vouchers import SqlVouchers
from promo_server.sql.tables.archive import (
    CHECKPOINTS,
    MOVEMENTS,
    ORDERS,
    PUBLICATIONS,
    REDEMPTION_ITEMS,
    REDEMPTIONS,
    ROLLBACKS,
    SLOT_CONFLICTS,
)

_ASK = 1_000
_PLACE = ("project_id", "partition", "ledger_id", "ordinal")
"""Of a movement in the ledger."""


class SqlArchive(Rows):
    """The port `ArchiveRows`."""

    async def checkpoints(self, project_id: str, *, lock: bool = False) -> Mapping[int, Checkpoint]:
        """Return how far each partition is; SQLite has locked the whole database in a writing unit."""
        query = select(CHECKPOINTS).where(CHECKPOINTS.c.project_id == project_id)
        if lock:
            query = query.with_for_update()
        return {
            row["partition"]: Checkpoint(StreamId.parse(row["outbox_id"]), StreamId.parse(row["ledger_id"]))
            for row in (await self._connection.execute(query)).mappings()
        }

    async def advance(self, project_id: str, checkpoints: Mapping[int, Checkpoint], now_ms: int) -> None:
        """Write how far partitions are."""
        statement = self._upsert(CHECKPOINTS)
        new = {name: statement.excluded[name] for name in ("outbox_id", "ledger_id", "update_ms")}
        statement = statement.on_conflict_do_update(index_elements=["project_id", "partition"], set_=new)
        rows = [
            {
                "project_id": project_id,
                "partition": partition,
                "outbox_id": checkpoint.outbox.sortable,
                "ledger_id": checkpoint.ledger.sortable,
                "update_ms": now_ms,
            }
            for partition, checkpoint in checkpoints.items()
        ]
        await self._connection.execute(statement, rows)

    async def write(self, project_id: str, batch: ArchiveBatch) -> None:
        """Write facts: what rollbacks have freed first, so that slots can be active again."""
        await self._undo(project_id, batch)
        for table, rows in (
            (REDEMPTIONS, batch.redemptions),
            (REDEMPTION_ITEMS, batch.redemption_items),
            (ROLLBACKS, batch.rollbacks),
            (PUBLICATIONS, batch.publications),
            (MOVEMENTS, batch.movements),
        ):
            if rows:
                await self._connection.insert_many(table, rows)
        customers = SqlCustomers(self._connection)
        await customers.erase(project_id, list(batch.erasures.values()))
        await customers.put(project_id, batch.customers)
        await SqlVouchers(self._connection).put(batch.vouchers)
        await self._put_orders(batch.orders)

    async def _undo(self, project_id: str, batch: ArchiveBatch) -> None:
        if batch.undone:
            targets = [
                {
                    "redemption": one.redemption_id,
                    "place": one.redeemable,
                    "item": one.item_id,
                    "rollback": one.rollback_id,
                }
                for one in batch.undone
            ]
            await self._connection.execute(
                update(MOVEMENTS)
                .where(
                    MOVEMENTS.c.project_id == project_id,
                    MOVEMENTS.c.redemption_id == bindparam("redemption"),
                    MOVEMENTS.c.redeemable == bindparam("place"),
                )
                .values(active=False),
                targets,
            )
            await self._connection.execute(
                update(REDEMPTION_ITEMS)
                .where(REDEMPTION_ITEMS.c.project_id == project_id, REDEMPTION_ITEMS.c.id == bindparam("item"))
                .values(rollback_id=bindparam("rollback")),
                targets,
            )
        if batch.states:
            await self._connection.execute(
                update(REDEMPTIONS)
                .where(
                    REDEMPTIONS.c.project_id == project_id,
                    REDEMPTIONS.c.id == bindparam("redemption"),
                    REDEMPTIONS.c.state != ROLLED_BACK,
                )
                .values(state=bindparam("new_state")),
                [{"redemption": id_, "new_state": state} for id_, state in batch.states.items()],
            )

    async def _put_orders(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        statement = self._upsert(ORDERS)
        new, old = statement.excluded, ORDERS.c
        # What was said last stands, whichever partition's entry comes first.
        later = new.update_ms >= old.update_ms
        names = ("customer", "currency", "amount", "discount_amount", "redemption_id", "update_ms")
        changes: dict[str, Any] = {name: case((later, new[name]), else_=old[name]) for name in names}
        changes["create_ms"] = case((new.create_ms < old.create_ms, new.create_ms), else_=old.create_ms)
        statement = statement.on_conflict_do_update(index_elements=["project_id", "source_id"], set_=changes)
        await self._connection.upsert_many(statement, ORDERS, list(rows))

    async def active_slots(self, project_id: str, slots: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
        """Return those of the (limit, slot) pairs that are active."""
        found: set[tuple[str, int]] = set()
        pair = tuple_(MOVEMENTS.c.limit_name, MOVEMENTS.c.slot)
        for start in range(0, len(slots), _ASK):
            query = select(MOVEMENTS.c.limit_name, MOVEMENTS.c.slot).where(
                MOVEMENTS.c.project_id == project_id,
                MOVEMENTS.c.active == true(),
                pair.in_(slots[start : start + _ASK]),
            )
            found.update((row[0], row[1]) for row in await self._connection.execute(query))
        return found

    async def note_conflicts(self, rows: Sequence[Row]) -> None:
        """Keep uses whose slot was active already."""
        await self._connection.execute(insert(SLOT_CONFLICTS), rows)

    async def withdraw_conflicts(self, project_id: str, undone: Undone, since: StreamId) -> None:
        """Let the use count that took a slot after this one was undone, at a place in the ledger."""
        # What is a conflict itself had no slot to give.
        had_none = select(SLOT_CONFLICTS.c.sequence).where(
            *(SLOT_CONFLICTS.c[name] == MOVEMENTS.c[name] for name in _PLACE)
        )
        freed = select(MOVEMENTS.c.limit_name, MOVEMENTS.c.slot).where(
            MOVEMENTS.c.project_id == project_id,
            MOVEMENTS.c.redemption_id == undone.redemption_id,
            MOVEMENTS.c.redeemable == undone.redeemable,
            MOVEMENTS.c.amount > 0,
            MOVEMENTS.c.slot > 0,
            ~had_none.exists(),
        )
        for limit, slot in (await self._connection.execute(freed)).all():
            counts = False
            for conflict, movement, rollback in await self._conflicts(project_id, limit, slot, since):
                # One use at a time has a slot: those that were undone meanwhile, and the first that was not.
                if rollback is None and counts:
                    break
                await self._connection.execute(delete(SLOT_CONFLICTS).where(SLOT_CONFLICTS.c.sequence == conflict))
                if rollback is None:
                    one = update(MOVEMENTS).where(MOVEMENTS.c.sequence == movement)
                    await self._connection.execute(one.values(active=True))
                    counts = True

    async def _conflicts(
        self, project_id: str, limit: str, slot: int, since: StreamId
    ) -> Sequence[tuple[int, int, str | None]]:
        """Return conflict, movement and the use's rollback of the conflicts about a slot, in order of the ledger."""
        of_movement = [SLOT_CONFLICTS.c[name] == MOVEMENTS.c[name] for name in _PLACE]
        query = (
            select(SLOT_CONFLICTS.c.sequence, MOVEMENTS.c.sequence, REDEMPTION_ITEMS.c.rollback_id)
            .join(MOVEMENTS, and_(*of_movement))
            .join(
                REDEMPTION_ITEMS,
                and_(
                    REDEMPTION_ITEMS.c.project_id == MOVEMENTS.c.project_id,
                    REDEMPTION_ITEMS.c.redemption_id == MOVEMENTS.c.redemption_id,
                    REDEMPTION_ITEMS.c.redeemable == MOVEMENTS.c.redeemable,
                ),
            )
            .where(
                SLOT_CONFLICTS.c.project_id == project_id,
                SLOT_CONFLICTS.c.limit_name == limit,
                SLOT_CONFLICTS.c.slot == slot,
                SLOT_CONFLICTS.c.ledger_id > since.sortable,
            )
            .order_by(SLOT_CONFLICTS.c.ledger_id, SLOT_CONFLICTS.c.partition)
        )
        return [(row[0], row[1], row[2]) for row in await self._connection.execute(query)]

    async def redemption(self, project_id: str, redemption_id: str) -> ArchivedRedemption | None:
        """Return a redemption."""
        row = await self._one(
            select(REDEMPTIONS).where(REDEMPTIONS.c.project_id == project_id, REDEMPTIONS.c.id == redemption_id),
        )
        if row is None:
            return None
        query = (
            select(REDEMPTION_ITEMS.c.id)
            .where(
                REDEMPTION_ITEMS.c.project_id == project_id,
                REDEMPTION_ITEMS.c.redemption_id == redemption_id,
                REDEMPTION_ITEMS.c.rollback_id.is_not(None),
            )
            .order_by(REDEMPTION_ITEMS.c.redeemable)
        )
        undone = tuple(await self._connection.scalars(query))
        return ArchivedRedemption(bytes(row["entry"]), row["state"], undone)

    async def entry(self, project_id: str, name: str) -> bytes | None:
        """Return a whole ledger entry by the id of its redemption or rollback, or, a publication's, by its own id."""
        table = ROLLBACKS if name.startswith("rr_") else REDEMPTIONS
        condition = table.c.id == name
        if ":" in name:
            table = PUBLICATIONS
            partition, _, place = name.partition(":")
            condition = and_(
                PUBLICATIONS.c.partition == int(partition, 16),
                PUBLICATIONS.c.ledger_id == StreamId.parse(place).sortable,
            )
        row = await self._one(select(table.c.entry).where(table.c.project_id == project_id, condition))
        return None if row is None else bytes(row["entry"])

    async def rollbacks_of(self, project_id: str, redemption_ids: Sequence[str]) -> Sequence[bytes]:
        """Return the ledger entries of the rollbacks of redemptions, serialized, in the order of their ids."""
        found: list[bytes] = []
        for start in range(0, len(redemption_ids), _ASK):
            query = (
                select(ROLLBACKS.c.entry)
                .where(
                    ROLLBACKS.c.project_id == project_id,
                    ROLLBACKS.c.redemption_id.in_(redemption_ids[start : start + _ASK]),
                )
                # In which those of a redemption happened, since they are in one partition.
                .order_by(ROLLBACKS.c.id)
            )
            found.extend(bytes(entry) for entry in await self._connection.scalars(query))
        return found

    async def movements(
        self,
        project_id: str,
        partition: int,
        first: StreamId,
        last: StreamId,
    ) -> Mapping[StreamId, Sequence[tuple[str, int, int, int, int]]]:
        """Return (limit, amount, slot, sequence, total) of the movements of entries, from one to another."""
        query = (
            select(MOVEMENTS)
            .where(
                MOVEMENTS.c.project_id == project_id,
                MOVEMENTS.c.partition == partition,
                MOVEMENTS.c.ledger_id >= first.sortable,
                MOVEMENTS.c.ledger_id <= last.sortable,
            )
            .order_by(MOVEMENTS.c.ledger_id, MOVEMENTS.c.ordinal)
        )
        found: dict[StreamId, list[tuple[str, int, int, int, int]]] = {}
        for row in (await self._connection.execute(query)).mappings():
            moved = (row["limit_name"], row["amount"], row["slot"], row["limit_sequence"], row["total"])
            found.setdefault(StreamId.parse(row["ledger_id"]), []).append(moved)
        return found

    async def limits(self, project_id: str, after: str, count: int) -> Sequence[LimitUse]:
        """Return what counts of the limits whose names follow `after`, by name, up to `count` of them."""
        counts = MOVEMENTS.c.active == true()
        query = (
            select(
                MOVEMENTS.c.limit_name,
                func.max(MOVEMENTS.c.limit_kind),
                func.count().filter(counts),
                func.coalesce(func.sum(MOVEMENTS.c.amount).filter(counts), 0),
                func.coalesce(func.max(MOVEMENTS.c.slot).filter(counts), 0),
                func.max(MOVEMENTS.c.limit_sequence),
            )
            .where(MOVEMENTS.c.project_id == project_id, MOVEMENTS.c.limit_name > after)
            .group_by(MOVEMENTS.c.limit_name)
            .order_by(MOVEMENTS.c.limit_name)
            .limit(count)
        )
        rows = await self._connection.execute(query)
        return [LimitUse(row[0], row[1], row[2], int(row[3]), row[4], row[5]) for row in rows]

    async def slots(self, project_id: str, limits: Sequence[str]) -> Mapping[str, Sequence[int]]:
        """Return the active slots of limits, ascending."""
        query = (
            select(MOVEMENTS.c.limit_name, MOVEMENTS.c.slot)
            .where(
                MOVEMENTS.c.project_id == project_id,
                MOVEMENTS.c.limit_name.in_(limits),
                MOVEMENTS.c.active == true(),
                MOVEMENTS.c.slot > 0,
            )
            .order_by(MOVEMENTS.c.limit_name, MOVEMENTS.c.slot)
        )
        found: dict[str, list[int]] = {}
        for name, slot in await self._connection.execute(query):
            found.setdefault(name, []).append(slot)
        return found

    async def publications(
        self,
        project_id: str,
        after: ArchivedPublication | None,
        count: int,
    ) -> Sequence[ArchivedPublication]:
        """Return publications by customer and then by time, those that follow `after`, up to `count` of them."""
        place = (PUBLICATIONS.c.customer, PUBLICATIONS.c.publish_ms, PUBLICATIONS.c.id)
        query = select(PUBLICATIONS).where(PUBLICATIONS.c.project_id == project_id).order_by(*place).limit(count)
        if after is not None:
            query = query.where(tuple_(*place) > (after.customer, after.publish_ms, after.id))
        return [
            ArchivedPublication(
                id=row["id"],
                campaign_id=row["campaign_id"],
                customer=row["customer"],
                publish_ms=row["publish_ms"],
                positions=tuple(row["positions"]),
                entry=bytes(row["entry"]),
            )
            for row in (await self._connection.execute(query)).mappings()
        ]

    async def edited_vouchers(
        self,
        project_id: str,
        after: tuple[str, int],
        count: int,
    ) -> Sequence[EditedVoucher]:
        """Return vouchers that were edited, those that follow (campaign id, position), up to `count` of them."""
        return await SqlVouchers(self._connection).edited(project_id, after, count)

    async def rolled_back_items(self, project_id: str, after: str, count: int) -> Sequence[str]:
        """Return the ids of redeemables that were rolled back, those that follow `after`, up to `count` of them."""
        query = (
            select(REDEMPTION_ITEMS.c.id)
            .where(
                REDEMPTION_ITEMS.c.project_id == project_id,
                REDEMPTION_ITEMS.c.rollback_id.is_not(None),
                REDEMPTION_ITEMS.c.id > after,
            )
            .order_by(REDEMPTION_ITEMS.c.id)
            .limit(count)
        )
        return (await self._connection.scalars(query)).all()

    async def conflict_count(self, project_id: str) -> int:
        """Return how many uses had a slot that was active already."""
        query = select(func.count()).select_from(SLOT_CONFLICTS).where(SLOT_CONFLICTS.c.project_id == project_id)
        return int(await self._connection.scalar(query) or 0)
