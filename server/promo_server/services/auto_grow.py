"""Adds codes to a campaign that allows it, when publications have used up those it has."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import TypeAdapter

from promo_server.domain.access import Caller, Project
from promo_server.domain.campaign import Campaign, CodeMode
from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason
from promo_server.domain.requests import Repeat
from promo_server.services.changes import Changes
from promo_server.services.grow_campaign import GrowCampaign
from promo_server.services.ports import UnitOfWork

_COUNT: TypeAdapter[int] = TypeAdapter(int)

_MOST_COMPUTED = 1_000_000
"""Most computed codes that one growth adds: each costs nothing, but brings guesses nearer to a hit."""

_MOST_STORED = 10_000
"""Most stored codes that one growth adds: a caller waits for them."""


class AutoGrow:
    """Doubles a campaign, within bounds. Calls at once that saw the same number of codes grow it once."""

    def __init__(self, changes: Changes, grow: GrowCampaign) -> None:
        """Keep what growing needs."""
        self._changes = changes
        self._grow = grow

    async def __call__(self, caller: Caller, campaign_id: str, seen_count: int, needed: int) -> int:
        """Return how many codes the campaign has now.

        `seen_count` is how many it had when they ran out; a campaign that has more by now, or that does not grow by
        itself, stays as it is. Where there is no room for twice as many, it gets only those `needed`. Refuse with
        CODE_SPACE_TOO_SMALL when the layout has no room for these either.
        """
        try:
            return await self._grow_by(_doubling, caller, campaign_id, seen_count, needed)
        except DomainError as error:
            if error.reason is not Reason.CODE_SPACE_TOO_SMALL:
                raise
        return await self._grow_by(_least, caller, campaign_id, seen_count, needed)

    async def _grow_by(
        self, size: Callable[[Campaign, int], int], caller: Caller, campaign_id: str, seen_count: int, needed: int
    ) -> int:
        async def change(unit: UnitOfWork, project: Project, now_ms: int) -> int:
            campaign = await unit.campaigns.find(project.id, campaign_id)
            if campaign is None:
                return 0
            if not campaign.auto_grow or campaign.code_count > seen_count:
                return campaign.code_count
            count = size(campaign, needed)
            await self._grow(unit, project, campaign, count, now_ms)
            return campaign.code_count + count

        return await self._changes.run(caller.project, Repeat("AutoGrow"), _COUNT, change)


def _doubling(campaign: Campaign, needed: int) -> int:
    most = _MOST_COMPUTED if campaign.code_mode is CodeMode.ARITHMETIC else _MOST_STORED
    return max(needed, min(campaign.code_count, most))


def _least(_campaign: Campaign, needed: int) -> int:
    return needed
