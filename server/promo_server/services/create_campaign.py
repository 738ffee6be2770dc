"""Creates campaigns whose codes can be used when the call returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from promo_server.domain.access import Caller, Project
from promo_server.domain.campaign import Campaign
from promo_server.domain.definition import CampaignDefinition
from promo_server.domain.errors import DomainError
from promo_server.domain.identifiers import RANDOM_BYTES, resource_id
from promo_server.domain.layout import CodeLayout
from promo_server.domain.reasons import Reason
from promo_server.domain.requests import Repeat
from promo_server.services import pending
from promo_server.services.changes import Changes
from promo_server.services.code_issue import CodeIssue
from promo_server.services.documents import CAMPAIGN, DEFINITION, document_of
from promo_server.services.ports import DefinitionKernel, Entropy, LayoutFacts, UnitOfWork


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """What a caller says about a new campaign."""

    name: str
    definition: CampaignDefinition
    layout: CodeLayout
    code_count: int
    description: str = ""
    join_once: bool = False
    auto_grow: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


class CreateCampaign:
    """Creates a campaign: checks its definition, gives it codes, publishes it."""

    def __init__(self, changes: Changes, codes: CodeIssue, kernel: DefinitionKernel, entropy: Entropy) -> None:
        """Keep what creating needs."""
        self._changes = changes
        self._codes = codes
        self._kernel = kernel
        self._entropy = entropy

    async def __call__(self, caller: Caller, new: NewCampaign, repeat: Repeat, *, validate_only: bool) -> Campaign:
        """Return the campaign."""
        definition = self._checked(new.definition)
        facts = self._codes.facts(new.layout, new.code_count)

        async def change(unit: UnitOfWork, project: Project, now_ms: int) -> Campaign:
            return await self._create(unit, project, replace(new, definition=definition), facts, now_ms)

        campaign = await self._changes.run(caller.project, repeat, CAMPAIGN, change, validate_only=validate_only)
        return replace(campaign, id="", number=0) if validate_only else campaign

    def _checked(self, definition: CampaignDefinition) -> CampaignDefinition:
        """Return the definition as the engine will read it; refuse one that it would not."""
        checked = self._kernel.check_definition(document_of(DEFINITION, definition), "campaign")
        return DEFINITION.validate_python(checked)

    async def _create(
        self,
        unit: UnitOfWork,
        project: Project,
        new: NewCampaign,
        facts: LayoutFacts,
        now_ms: int,
    ) -> Campaign:
        if await unit.campaigns.find(project.id, new.name) is not None:
            raise DomainError(Reason.CAMPAIGN_ALREADY_EXISTS, campaign=new.name)
        placed = await self._codes.place(unit, project, facts, new.code_count)
        number = project.next_campaign_number
        project = replace(placed.project, version=project.version + 1, next_campaign_number=number + 1)
        await unit.projects.update(project)
        campaign = Campaign(
            id=resource_id("camp", self._entropy(RANDOM_BYTES)),
            number=number,
            project_id=project.id,
            name=new.name,
            definition=new.definition,
            layout=facts.layout,
            code_count=new.code_count,
            code_mode=placed.choice.mode,
            code_mode_reason=placed.choice.reason,
            create_ms=now_ms,
            update_ms=now_ms,
            layout_number=placed.layout.number if placed.layout else None,
            description=new.description,
            join_once=new.join_once,
            auto_grow=new.auto_grow,
            metadata=new.metadata,
        )
        await unit.campaigns.insert(campaign)
        if new.code_count:
            without_codes = replace(campaign, code_count=0)
            await self._codes.issue(unit, without_codes, new.code_count, now_ms, layout=placed.layout)
        await unit.pending.add([pending.campaign(project.id, number), pending.project(project.id)])
        return campaign
