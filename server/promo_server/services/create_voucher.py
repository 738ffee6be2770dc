"""Creates single vouchers with codes that callers give: in a campaign, or standing alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter

from promo_server.domain.access import Caller, Project
from promo_server.domain.campaign import Campaign, CodeBatch, CodeMode
from promo_server.domain.definition import CampaignDefinition
from promo_server.domain.errors import DomainError
from promo_server.domain.identifiers import RANDOM_BYTES, resource_id
from promo_server.domain.layout import CodeLayout
from promo_server.domain.reasons import Reason
from promo_server.domain.requests import Repeat
from promo_server.services import pending
from promo_server.services.changes import Changes
from promo_server.services.documents import DEFINITION, document_of
from promo_server.services.given_codes import GivenCodes
from promo_server.services.open_imports import require_no_import
from promo_server.services.ports import DefinitionKernel, Entropy, UnitOfWork
from promo_server.services.read_campaigns import find_to_add_codes

_STANDALONE = "the code was given by its creator"


@dataclass(frozen=True, slots=True)
class StandaloneTerms:
    """What a caller says about a voucher that stands alone."""

    definition: CampaignDefinition
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CreatedVoucher:
    """A voucher that nothing has happened to yet, with its campaign."""

    campaign: Campaign
    code: str
    position: int


_CREATED: TypeAdapter[CreatedVoucher] = TypeAdapter(CreatedVoucher)


class CreateVoucher:
    """Creates vouchers, which can be used when the call returns."""

    def __init__(
        self,
        changes: Changes,
        codes: GivenCodes,
        kernel: DefinitionKernel,
        entropy: Entropy,
        named_from: int,
    ) -> None:
        """Keep what creating needs; named codes of campaigns with computed ones have positions from `named_from`."""
        self._changes = changes
        self._codes = codes
        self._kernel = kernel
        self._entropy = entropy
        self._named_from = named_from

    async def in_campaign(
        self,
        caller: Caller,
        campaign_name: str,
        code: str,
        repeat: Repeat,
        *,
        validate_only: bool = False,
    ) -> CreatedVoucher:
        """Return a voucher of a campaign; refuse with CODE_ALREADY_EXISTS."""

        async def change(unit: UnitOfWork, project: Project, now_ms: int) -> CreatedVoucher:
            campaign = await find_to_add_codes(unit, project.id, campaign_name)
            await require_no_import(unit, campaign)
            if campaign.code_mode is CodeMode.STORED:
                position = campaign.code_count
                campaign = campaign.changed(now_ms, code_count=position + 1, given_codes=True)
            else:
                position = self._named_from + campaign.named_count
                campaign = campaign.changed(now_ms, named_count=campaign.named_count + 1, given_codes=True)
            await unit.campaigns.update(campaign)
            await unit.projects.update(replace(project, version=project.version + 1))
            return await self._add(unit, campaign, code, position, now_ms)

        return await self._changes.run(caller.project, repeat, _CREATED, change, validate_only=validate_only)

    async def standalone(
        self,
        caller: Caller,
        code: str,
        terms: StandaloneTerms,
        repeat: Repeat,
        *,
        validate_only: bool = False,
    ) -> CreatedVoucher:
        """Return a voucher with terms of its own; refuse with CODE_ALREADY_EXISTS."""
        document = self._kernel.check_definition(document_of(DEFINITION, terms.definition), "standalone")
        definition = DEFINITION.validate_python(document)

        async def change(unit: UnitOfWork, project: Project, now_ms: int) -> CreatedVoucher:
            number, id_ = project.next_campaign_number, resource_id("camp", self._entropy(RANDOM_BYTES))
            campaign = Campaign(
                id=id_,
                number=number,
                project_id=project.id,
                # Nobody names it, and no campaign that people name can be in its way.
                name=id_,
                definition=definition,
                layout=CodeLayout(),
                code_count=1,
                code_mode=CodeMode.STORED,
                code_mode_reason=_STANDALONE,
                create_ms=now_ms,
                update_ms=now_ms,
                metadata=terms.metadata,
                standalone=True,
                given_codes=True,
            )
            await unit.campaigns.insert(campaign)
            await unit.projects.update(replace(project, version=project.version + 1, next_campaign_number=number + 1))
            return await self._add(unit, campaign, code, 0, now_ms)

        return await self._changes.run(caller.project, repeat, _CREATED, change, validate_only=validate_only)

    async def _add(
        self,
        unit: UnitOfWork,
        campaign: Campaign,
        code: str,
        position: int,
        now_ms: int,
    ) -> CreatedVoucher:
        project_id, number = campaign.project_id, campaign.number
        if await self._codes.taken(unit, project_id, [code]):
            raise DomainError(Reason.CODE_ALREADY_EXISTS, code=code)
        await unit.stored_codes.insert(project_id, campaign.id, position, [code])
        await unit.batches.insert(
            CodeBatch(
                id=resource_id("cb", self._entropy(RANDOM_BYTES)),
                project_id=project_id,
                campaign_id=campaign.id,
                code_count=1,
                first_position=position,
                create_ms=now_ms,
            ),
        )
        await unit.pending.add(
            [
                pending.stored_codes(project_id, number, position, 1),
                pending.campaign(project_id, number),
                pending.project(project_id),
            ],
        )
        return CreatedVoucher(campaign, code, position)
