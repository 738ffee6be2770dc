"""Writes what calls say of customers, and erases it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import JSON, BigInteger, BindParameter, Text, Update, and_, bindparam, case, false, func, or_, update
from sqlalchemy.dialects.postgresql import JSONB

from promo_server.services.archive_ports import CustomerFact
from promo_server.sql.rows.base import Rows
from promo_server.sql.tables.archive import CUSTOMERS, ERASURES

_PROFILE = ("name", "email", "phone")
_OPTIONAL_DOCUMENT = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class SqlCustomers(Rows):
    """Customers as the projection writes them.

    Entries of different partitions come in any order: what was said last stands, and what was said before a person was
    erased says nothing.
    """

    async def put(self, project_id: str, facts: Sequence[CustomerFact]) -> None:
        """Add customers, or change what was said of them; what nothing was said of stays."""
        if not facts:
            return
        statement = self._upsert(CUSTOMERS)
        new = statement.excluded
        # Known customers stay as they are here, but for one who comes back after an erasure.
        statement = statement.on_conflict_do_update(
            index_elements=["project_id", "source_id"],
            set_={"erased": false(), "create_ms": new.create_ms, "update_ms": new.update_ms},
            where=and_(CUSTOMERS.c.erased, CUSTOMERS.c.erase_ms < new.update_ms),
        )
        await self._connection.upsert_many(statement, CUSTOMERS, [_row(project_id, fact) for fact in facts])
        said = [fact for fact in facts if fact.says_something]
        if said:
            await self._connection.execute(_change(project_id), [_said(fact) for fact in said])

    async def erase(self, project_id: str, erasures: Sequence[CustomerFact]) -> None:
        """Forget what was said of persons up to a time, and note that the archive's entries are to be rewritten."""
        if not erasures:
            return
        statement = self._upsert(CUSTOMERS)
        new = statement.excluded
        erased_ms = new.erase_ms
        statement = statement.on_conflict_do_update(
            index_elements=["project_id", "source_id"],
            # Of somebody who was heard of since it is not known what was said when: all of it goes.
            set_={name: new[name] for name in (*_PROFILE, "metadata", "erase_ms")}
            | {
                "erased": CUSTOMERS.c.update_ms <= erased_ms,
                "update_ms": case((CUSTOMERS.c.update_ms > erased_ms, CUSTOMERS.c.update_ms), else_=erased_ms),
            },
            where=CUSTOMERS.c.erase_ms < erased_ms,
        )
        rows = [_row(project_id, one) | {"erase_ms": one.at_ms, "erased": True} for one in erasures]
        await self._connection.execute(statement, rows)
        work = self._upsert(ERASURES)
        work = work.on_conflict_do_update(
            index_elements=["project_id", "source_id"],
            set_={"erase_ms": work.excluded.erase_ms, "done_ms": None},
            where=ERASURES.c.erase_ms < work.excluded.erase_ms,
        )
        waiting = [
            {"project_id": project_id, "source_id": one.source_id, "erase_ms": one.at_ms, "done_ms": None}
            for one in erasures
        ]
        await self._connection.execute(work, waiting)


def _row(project_id: str, fact: CustomerFact) -> dict[str, object]:
    return {
        "project_id": project_id,
        "source_id": fact.source_id,
        "id": fact.id,
        **{name: getattr(fact, name) or "" for name in _PROFILE},
        "metadata": dict(fact.metadata or {}),
        "create_ms": fact.first_ms,
        "update_ms": fact.at_ms,
        "erase_ms": 0,
        "erased": False,
    }


def _said(fact: CustomerFact) -> dict[str, object]:
    metadata = None if fact.metadata is None else dict(fact.metadata)
    said = {f"new_{name}": getattr(fact, name) for name in _PROFILE}
    return {"customer": fact.source_id, "at": fact.at_ms, "new_metadata": metadata, **said}


def _change(project_id: str) -> Update:
    """Return the statement that writes what was said, where it says something new and nothing later was said."""
    new: dict[str, BindParameter[Any]] = {name: bindparam(f"new_{name}", type_=Text()) for name in _PROFILE}
    metadata: BindParameter[Any] = bindparam("new_metadata", type_=_OPTIONAL_DOCUMENT)
    at: BindParameter[int] = bindparam("at", type_=BigInteger())
    differs = [and_(new[name].is_not(None), CUSTOMERS.c[name] != new[name]) for name in _PROFILE]
    return (
        update(CUSTOMERS)
        .where(
            CUSTOMERS.c.project_id == project_id,
            CUSTOMERS.c.source_id == bindparam("customer", type_=Text()),
            CUSTOMERS.c.update_ms <= at,
            CUSTOMERS.c.erase_ms < at,
            or_(*differs, metadata.is_not(None)),
        )
        .values(
            **{name: func.coalesce(new[name], CUSTOMERS.c[name]) for name in _PROFILE},
            metadata=func.coalesce(metadata, CUSTOMERS.c.metadata),
            update_ms=at,
        )
    )
