"""Queries on API keys."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import RowMapping, insert, select, update

from promo_server.domain.access import ApiKey, Role
from promo_server.domain.paging import Page, PageOf
from promo_server.sql.rows.base import Rows
from promo_server.sql.tables.definitions import API_KEYS


def _key(row: RowMapping) -> ApiKey:
    return ApiKey(
        id=row["id"],
        project_id=row["project_id"],
        name=row["name"],
        roles=tuple(Role(role) for role in row["roles"]),
        token_hash=row["token_hash"],
        create_ms=row["create_ms"],
        revoke_ms=row["revoke_ms"],
    )


class SqlApiKeys(Rows):
    """The port `ApiKeyRows`."""

    async def insert(self, key: ApiKey) -> None:
        """Add a key."""
        await self._connection.execute(
            insert(API_KEYS).values(
                id=key.id,
                project_id=key.project_id,
                name=key.name,
                roles=[role.value for role in key.roles],
                token_hash=key.token_hash,
                create_ms=key.create_ms,
                revoke_ms=key.revoke_ms,
            ),
        )

    async def by_id(self, key_id: str) -> ApiKey | None:
        """Return a key."""
        row = await self._one(select(API_KEYS).where(API_KEYS.c.id == key_id))
        return None if row is None else _key(row)

    async def update(self, key: ApiKey) -> None:
        """Write revocation, roles and hash."""
        await self._connection.execute(
            update(API_KEYS)
            .where(API_KEYS.c.id == key.id)
            .values(
                roles=[role.value for role in key.roles],
                token_hash=key.token_hash,
                revoke_ms=key.revoke_ms,
            ),
        )

    async def page(self, project_id: str, page: Page) -> PageOf[ApiKey]:
        """Return keys of a project, newest first."""
        query = select(API_KEYS).where(API_KEYS.c.project_id == project_id)
        return await self._page(query, API_KEYS.c.sequence, page, _key)

    async def all_ids(self) -> Sequence[tuple[str, str]]:
        """Return (project, key id) of every key, revoked ones included."""
        query = select(API_KEYS.c.project_id, API_KEYS.c.id)
        return [(row[0], row[1]) for row in await self._connection.execute(query)]
