"""Changes campaigns: named fields, the switch, and the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter

from promo_server.domain.access import Caller, Project
from promo_server.domain.campaign import Campaign
from promo_server.domain.definition import Discount, Limits, Validity
from promo_server.domain.errors import FieldsInvalidError, Violation
from promo_server.domain.requests import Repeat
from promo_server.services import pending
from promo_server.services.changes import Changes
from promo_server.services.documents import CAMPAIGN, DEFINITION, document_of
from promo_server.services.ports import DefinitionKernel, UnitOfWork
from promo_server.services.read_campaigns import find_campaign

_NOTHING: TypeAdapter[None] = TypeAdapter(type(None))


@dataclass(frozen=True, slots=True)
class CampaignTarget:
    """Which campaign, and the etag that it must still have unless that is empty."""

    campaign: str
    etag: str = ""


@dataclass(frozen=True, slots=True)
class CampaignUpdate:
    """New values of fields. Those of `fields` are of the campaign itself; None leaves a part of its definition."""

    target: CampaignTarget
    fields: Mapping[str, Any] = field(default_factory=dict)
    discount: Discount | None = None
    validity: Validity | None = None
    limits: Limits | None = None


class ChangeCampaign:
    """Changes one campaign of the caller's project. What was redeemed stays as it was."""

    def __init__(self, changes: Changes, kernel: DefinitionKernel) -> None:
        """Keep what changing needs."""
        self._changes = changes
        self._kernel = kernel

    async def update(
        self,
        caller: Caller,
        update: CampaignUpdate,
        repeat: Repeat,
        *,
        validate_only: bool = False,
    ) -> Campaign:
        """Return the campaign with the named fields changed."""

        async def change(unit: UnitOfWork, project: Project, now_ms: int) -> Campaign:
            campaign = await _target(unit, project, update.target)
            _check_use_of_codes(campaign.definition.limits, update.limits)
            parts = {"discount": update.discount, "validity": update.validity, "limits": update.limits}
            given = {name: part for name, part in parts.items() if part is not None}
            definition = replace(campaign.definition, **given)  # type: ignore[arg-type]
            checked = self._kernel.check_definition(document_of(DEFINITION, definition), "campaign")
            changed = campaign.changed(now_ms, definition=DEFINITION.validate_python(checked), **update.fields)
            return await _write(unit, changed)

        return await self._changes.run(caller.project, repeat, CAMPAIGN, change, validate_only=validate_only)

    async def switch(
        self,
        caller: Caller,
        target: CampaignTarget,
        repeat: Repeat,
        *,
        enabled: bool,
        validate_only: bool = False,
    ) -> Campaign:
        """Return the campaign enabled or disabled; one that is so already stays as it is."""

        async def change(unit: UnitOfWork, project: Project, now_ms: int) -> Campaign:
            campaign = await _target(unit, project, target)
            if campaign.enabled == enabled:
                return campaign
            return await _write(unit, campaign.changed(now_ms, enabled=enabled))

        return await self._changes.run(caller.project, repeat, CAMPAIGN, change, validate_only=validate_only)

    async def delete(
        self,
        caller: Caller,
        target: CampaignTarget,
        repeat: Repeat,
        *,
        validate_only: bool = False,
    ) -> None:
        """Delete the campaign. Its number, its ranges and its stored codes are never given to another one."""

        async def change(unit: UnitOfWork, project: Project, now_ms: int) -> None:
            campaign = await _target(unit, project, target)
            await _write(unit, campaign.changed(now_ms, deleted=True, enabled=False))
            await unit.projects.update(replace(project, version=project.version + 1))
            await unit.pending.add([pending.project(project.id)])

        await self._changes.run(caller.project, repeat, _NOTHING, change, validate_only=validate_only)


def _check_use_of_codes(before: Limits, after: Limits | None) -> None:
    """Refuse to change between single-use codes and others.

    A single-use code has a bit, any other limited one a counter; after a change one would not know of the uses that
    the other has counted, and the limit could be passed.
    """
    if after is not None and (before.per_code == 1) != (after.per_code == 1):
        problem = f"cannot change from {before.per_code} to {after.per_code}: codes stay single-use or never become so"
        raise FieldsInvalidError((Violation("campaign.limits.per_code", problem),))


async def _target(unit: UnitOfWork, project: Project, target: CampaignTarget) -> Campaign:
    campaign = await find_campaign(unit, project.id, target.campaign)
    campaign.require_etag(target.etag)
    return campaign


async def _write(unit: UnitOfWork, campaign: Campaign) -> Campaign:
    await unit.campaigns.update(campaign)
    await unit.pending.add([pending.campaign(campaign.project_id, campaign.number)])
    return campaign
