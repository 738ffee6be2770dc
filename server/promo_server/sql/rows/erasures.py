"""Queries on what is left to do for persons who were erased."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Table, bindparam, select, text, tuple_, update

from promo_server.services.history_ports import ArchivedEntry, Erasure, HeldVoucher
from promo_server.sql.rows.base import Rows
from promo_server.sql.tables.archive import ERASURES, NOT_DONE, PUBLICATIONS, REDEMPTIONS, VOUCHER_STATES


class SqlErasures(Rows):
    """The port `ErasureRows`."""

    async def projects(self) -> Sequence[str]:
        """Return the projects with erasures that are not done."""
        query = select(ERASURES.c.project_id).where(text(NOT_DONE)).distinct().order_by(ERASURES.c.project_id)
        return (await self._connection.scalars(query)).all()

    async def waiting(self, project_id: str, after: Erasure | None, count: int) -> Sequence[Erasure]:
        """Return erasures of a project that are not done, oldest first, those that follow one."""
        place = (ERASURES.c.erase_ms, ERASURES.c.source_id)
        query = (
            select(ERASURES.c.project_id, ERASURES.c.source_id, ERASURES.c.erase_ms)
            .where(text(NOT_DONE), ERASURES.c.project_id == project_id)
            .order_by(*place)
            .limit(count)
        )
        if after is not None:
            query = query.where(tuple_(*place) > (after.erase_ms, after.source_id))
        return [Erasure(*row) for row in await self._connection.execute(query)]

    async def finish(self, erasure: Erasure, now_ms: int) -> None:
        """Note that an erasure is done, unless the person was erased once more meanwhile."""
        await self._connection.execute(
            update(ERASURES)
            .where(
                ERASURES.c.project_id == erasure.project_id,
                ERASURES.c.source_id == erasure.source_id,
                ERASURES.c.erase_ms == erasure.erase_ms,
            )
            .values(done_ms=now_ms),
        )

    async def begin_again(self, project_id: str, about: Sequence[tuple[str, int]]) -> None:
        """Note that erasures of persons up to a time or later, milliseconds since 1970, are not done."""
        if about:
            await self._connection.execute(
                update(ERASURES)
                .where(
                    ERASURES.c.project_id == project_id,
                    ERASURES.c.source_id == bindparam("person"),
                    ERASURES.c.erase_ms >= bindparam("at"),
                )
                .values(done_ms=None),
                [{"person": person, "at": at_ms} for person, at_ms in sorted(about)],
            )

    async def redemptions(self, erasure: Erasure, after: str, count: int) -> Sequence[ArchivedEntry]:
        """Return the person's redemptions whose ids follow `after`, by id."""
        query = (
            select(REDEMPTIONS.c.id, REDEMPTIONS.c.entry)
            .where(
                REDEMPTIONS.c.project_id == erasure.project_id,
                REDEMPTIONS.c.customer == erasure.source_id,
                REDEMPTIONS.c.redeem_ms <= erasure.erase_ms,
                REDEMPTIONS.c.id > after,
            )
            .order_by(REDEMPTIONS.c.id)
            .limit(count)
        )
        return [ArchivedEntry(id_, bytes(entry)) for id_, entry in await self._connection.execute(query)]

    async def publications(self, erasure: Erasure, after: str, count: int) -> Sequence[ArchivedEntry]:
        """Return the person's publications whose ids follow `after`, by id."""
        query = (
            select(PUBLICATIONS.c.id, PUBLICATIONS.c.entry, PUBLICATIONS.c.campaign_id, PUBLICATIONS.c.positions)
            .where(
                PUBLICATIONS.c.project_id == erasure.project_id,
                PUBLICATIONS.c.customer == erasure.source_id,
                PUBLICATIONS.c.publish_ms <= erasure.erase_ms,
                PUBLICATIONS.c.id > after,
            )
            .order_by(PUBLICATIONS.c.id)
            .limit(count)
        )
        rows = await self._connection.execute(query)
        return [ArchivedEntry(row[0], bytes(row[1]), row[2], tuple(row[3])) for row in rows]

    async def vouchers(self, erasure: Erasure, after: tuple[str, int], count: int) -> Sequence[HeldVoucher]:
        """Return the person's edited vouchers that follow (campaign id, position), up to `count` of them."""
        table = VOUCHER_STATES.c
        query = (
            select(table.campaign_id, table.position, table.record)
            .where(
                table.project_id == erasure.project_id,
                table.holder == erasure.source_id,
                table.publish_ms <= erasure.erase_ms,
                table.record.is_not(None),
                tuple_(table.campaign_id, table.position) > after,
            )
            .order_by(table.campaign_id, table.position)
            .limit(count)
        )
        return [HeldVoucher(row[0], row[1], bytes(row[2])) for row in await self._connection.execute(query)]

    async def rewrite_vouchers(self, project_id: str, vouchers: Sequence[tuple[HeldVoucher, bytes]]) -> None:
        """Put other records in the place of those of vouchers that are still as they are here."""
        if vouchers:
            table = VOUCHER_STATES.c
            await self._connection.execute(
                update(VOUCHER_STATES)
                .where(
                    table.project_id == project_id,
                    table.campaign_id == bindparam("campaign"),
                    table.position == bindparam("at"),
                    table.record == bindparam("before"),
                )
                .values(record=bindparam("other")),
                [
                    {"campaign": one.campaign_id, "at": one.position, "before": one.record, "other": record}
                    for one, record in vouchers
                ],
            )

    async def rewrite_redemptions(self, project_id: str, entries: Mapping[str, bytes]) -> None:
        """Put other ledger entries in the place of those of redemptions, by id."""
        await self._rewrite(REDEMPTIONS, project_id, entries)

    async def rewrite_publications(self, project_id: str, entries: Mapping[str, bytes]) -> None:
        """Put other ledger entries in the place of those of publications, by id."""
        await self._rewrite(PUBLICATIONS, project_id, entries)

    async def _rewrite(self, table: Table, project_id: str, entries: Mapping[str, bytes]) -> None:
        if entries:
            await self._connection.execute(
                update(table)
                .where(table.c.project_id == project_id, table.c.id == bindparam("row"))
                .values(entry=bindparam("other")),
                [{"row": id_, "other": entry} for id_, entry in entries.items()],
            )
