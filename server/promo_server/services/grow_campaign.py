"""Gives campaigns more codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from promo_server.domain.access import Project
from promo_server.domain.campaign import Campaign, CodeBatch
from promo_server.services import pending
from promo_server.services.code_issue import CodeIssue
from promo_server.services.ports import UnitOfWork


class GrowCampaign:
    """Gives a campaign more codes, in a transaction that has locked the project."""

    def __init__(self, codes: CodeIssue) -> None:
        """Keep what growing needs."""
        self._codes = codes

    async def __call__(
        self,
        unit: UnitOfWork,
        project: Project,
        campaign: Campaign,
        count: int,
        now_ms: int,
        progress: Callable[[int], None] = lambda _done: None,
    ) -> CodeBatch:
        """Return the batch; the campaign's and the project's next versions wait to be published."""
        batch = await self._codes.issue(unit, campaign, count, now_ms, progress=progress)
        await unit.campaigns.update(campaign.changed(now_ms, code_count=campaign.code_count + count))
        await unit.projects.update(replace(project, version=project.version + 1))
        await unit.pending.add([pending.campaign(project.id, campaign.number), pending.project(project.id)])
        return batch
