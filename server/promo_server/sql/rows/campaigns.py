"""Queries on campaigns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import RowMapping, bindparam, case, false, insert, or_, select, update

from promo_server.domain.campaign import Campaign, CodeMode, KeptCodes
from promo_server.domain.paging import Page, PageOf
from promo_server.services.documents import DEFINITION, LAYOUT, document_of
from promo_server.sql.rows.base import Rows
from promo_server.sql.tables.definitions import CAMPAIGNS


def campaign_of(row: RowMapping) -> Campaign:
    """Return the campaign that a row of its table is."""
    return Campaign(
        id=row["id"],
        number=row["number"],
        project_id=row["project_id"],
        name=row["name"],
        description=row["description"],
        definition=DEFINITION.validate_python(row["definition"]),
        layout=LAYOUT.validate_python(row["layout"]),
        layout_number=row["layout_number"],
        code_count=row["code_count"],
        code_mode=CodeMode(row["code_mode"]),
        code_mode_reason=row["code_mode_reason"],
        join_once=row["join_once"],
        auto_grow=row["auto_grow"],
        metadata=row["metadata"],
        enabled=row["enabled"],
        deleted=row["deleted"],
        standalone=row["standalone"],
        given_codes=row["given_codes"],
        named_count=row["named_count"],
        version=row["version"],
        create_ms=row["create_ms"],
        update_ms=row["update_ms"],
    )


def _values(campaign: Campaign) -> dict[str, Any]:
    return {
        "description": campaign.description,
        "definition": document_of(DEFINITION, campaign.definition),
        "layout_number": campaign.layout_number,
        "code_count": campaign.code_count,
        "join_once": campaign.join_once,
        "auto_grow": campaign.auto_grow,
        "metadata": dict(campaign.metadata),
        "enabled": campaign.enabled,
        "deleted": campaign.deleted,
        "given_codes": campaign.given_codes,
        "named_count": campaign.named_count,
        "version": campaign.version,
        "update_ms": campaign.update_ms,
    }


_FIND: Final = (
    select(CAMPAIGNS)
    .where(
        CAMPAIGNS.c.project_id == bindparam("project"),
        CAMPAIGNS.c.deleted == false(),
        or_(CAMPAIGNS.c.id == bindparam("asked"), CAMPAIGNS.c.name == bindparam("asked")),
    )
    .order_by(case((CAMPAIGNS.c.id == bindparam("asked"), 0), else_=1))
    .limit(1)
)


class SqlCampaigns(Rows):
    """The port `CampaignRows`."""

    async def insert(self, campaign: Campaign) -> None:
        """Add a campaign."""
        await self._connection.execute(
            insert(CAMPAIGNS).values(
                id=campaign.id,
                number=campaign.number,
                project_id=campaign.project_id,
                name=campaign.name,
                layout=document_of(LAYOUT, campaign.layout),
                code_mode=campaign.code_mode.value,
                code_mode_reason=campaign.code_mode_reason,
                create_ms=campaign.create_ms,
                standalone=campaign.standalone,
                **_values(campaign),
            ),
        )

    async def update(self, campaign: Campaign) -> None:
        """Write everything that can change."""
        await self._connection.execute(
            update(CAMPAIGNS).where(CAMPAIGNS.c.id == campaign.id).values(**_values(campaign)),
        )

    async def find(self, project_id: str, id_or_name: str) -> Campaign | None:
        """Return the campaign with that id, else the one with that name."""
        row = await self._one(_FIND, {"project": project_id, "asked": id_or_name})
        return None if row is None else campaign_of(row)

    async def by_number(self, project_id: str, number: int) -> Campaign | None:
        """Return a campaign, deleted or not."""
        row = await self._one(
            select(CAMPAIGNS).where(CAMPAIGNS.c.project_id == project_id, CAMPAIGNS.c.number == number),
        )
        return None if row is None else campaign_of(row)

    async def by_ids(self, project_id: str, ids: Collection[str]) -> Mapping[str, Campaign]:
        """Return campaigns by id, deleted or not."""
        query = select(CAMPAIGNS).where(CAMPAIGNS.c.project_id == project_id, CAMPAIGNS.c.id.in_(ids))
        rows = (await self._connection.execute(query)).mappings()
        return {row["id"]: campaign_of(row) for row in rows}

    async def names(self, project_id: str) -> Sequence[tuple[int, str, str]]:
        """Return (number, id, name) of every campaign that callers name, those that were deleted left out."""
        query = (
            select(CAMPAIGNS.c.number, CAMPAIGNS.c.id, CAMPAIGNS.c.name)
            .where(
                CAMPAIGNS.c.project_id == project_id,
                CAMPAIGNS.c.deleted == false(),
                CAMPAIGNS.c.standalone == false(),
            )
            .order_by(CAMPAIGNS.c.number)
        )
        return [(row[0], row[1], row[2]) for row in await self._connection.execute(query)]

    async def page(self, project_id: str, page: Page) -> PageOf[Campaign]:
        """Return campaigns that are such to people, newest first."""
        query = select(CAMPAIGNS).where(
            CAMPAIGNS.c.project_id == project_id,
            CAMPAIGNS.c.deleted == false(),
            CAMPAIGNS.c.standalone == false(),
        )
        return await self._page(query, CAMPAIGNS.c.sequence, page, campaign_of)

    async def single_use(self, project_id: str) -> set[int]:
        """Return the numbers of campaigns whose codes are single-use, deleted ones included."""
        query = select(CAMPAIGNS.c.number, CAMPAIGNS.c.definition).where(CAMPAIGNS.c.project_id == project_id)
        rows = await self._connection.execute(query)
        return {row[0] for row in rows if DEFINITION.validate_python(row[1]).limits.per_code == 1}

    async def any(self) -> bool:
        """Return whether there is a campaign in any project, deleted ones included."""
        return await self._connection.scalar(select(CAMPAIGNS.c.number).limit(1)) is not None

    async def kept_codes(self, project_id: str) -> Sequence[KeptCodes]:
        """Return how many codes of each campaign are kept one by one, deleted campaigns included, by number."""
        query = (
            select(CAMPAIGNS.c.number, CAMPAIGNS.c.layout_number, CAMPAIGNS.c.code_count, CAMPAIGNS.c.named_count)
            .where(CAMPAIGNS.c.project_id == project_id)
            .order_by(CAMPAIGNS.c.number)
        )
        rows = await self._connection.execute(query)
        return [KeptCodes(row[0], row[2] if row[1] is None else 0, row[3]) for row in rows]

    async def numbers(self, project_id: str) -> Mapping[str, int]:
        """Return the number of every campaign by id, deleted ones included."""
        query = select(CAMPAIGNS.c.id, CAMPAIGNS.c.number).where(CAMPAIGNS.c.project_id == project_id)
        return {row[0]: row[1] for row in await self._connection.execute(query.order_by(CAMPAIGNS.c.number))}
