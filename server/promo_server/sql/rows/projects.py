"""Queries on projects."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import RowMapping, insert, select, update

from promo_server.domain.access import Project
from promo_server.domain.errors import DomainError
from promo_server.domain.paging import Page, PageOf
from promo_server.domain.reasons import Reason
from promo_server.sql.rows.base import Rows
from promo_server.sql.tables.definitions import PROJECTS


def _project(row: RowMapping) -> Project:
    return Project(
        id=row["id"],
        name=row["name"],
        time_zone=row["time_zone"],
        create_ms=row["create_ms"],
        version=row["version"],
        next_campaign_number=row["next_campaign_number"],
        next_layout_number=row["next_layout_number"],
    )


class SqlProjects(Rows):
    """The port `ProjectRows`."""

    async def insert(self, project: Project) -> None:
        """Add a project."""
        await self._connection.execute(
            insert(PROJECTS).values(
                id=project.id,
                name=project.name,
                time_zone=project.time_zone,
                version=project.version,
                next_campaign_number=project.next_campaign_number,
                next_layout_number=project.next_layout_number,
                create_ms=project.create_ms,
            ),
        )

    async def by_id(self, project_id: str) -> Project | None:
        """Return a project."""
        row = await self._one(select(PROJECTS).where(PROJECTS.c.id == project_id))
        return None if row is None else _project(row)

    async def by_name(self, name: str) -> Project | None:
        """Return a project."""
        row = await self._one(select(PROJECTS).where(PROJECTS.c.name == name))
        return None if row is None else _project(row)

    async def lock(self, project_id: str) -> Project:
        """Return a project, its row locked; SQLite has locked the whole database."""
        row = await self._one(select(PROJECTS).where(PROJECTS.c.id == project_id).with_for_update())
        if row is None:
            raise DomainError(Reason.PROJECT_NOT_FOUND, project=project_id)
        return _project(row)

    async def update(self, project: Project) -> None:
        """Write version and next numbers."""
        await self._connection.execute(
            update(PROJECTS)
            .where(PROJECTS.c.id == project.id)
            .values(
                version=project.version,
                next_campaign_number=project.next_campaign_number,
                next_layout_number=project.next_layout_number,
            ),
        )

    async def page(self, page: Page, only: str | None) -> PageOf[Project]:
        """Return projects, newest first."""
        query = select(PROJECTS)
        if only is not None:
            query = query.where(PROJECTS.c.id == only)
        return await self._page(query, PROJECTS.c.sequence, page, _project)

    async def all_ids(self) -> Sequence[str]:
        """Return the id of every project."""
        return (await self._connection.scalars(select(PROJECTS.c.id).order_by(PROJECTS.c.sequence))).all()
