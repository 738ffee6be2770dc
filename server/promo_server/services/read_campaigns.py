"""Gets and lists campaigns."""

from __future__ import annotations

from promo_server.domain.access import Caller
from promo_server.domain.campaign import Campaign
from promo_server.domain.errors import DomainError
from promo_server.domain.paging import Page, PageOf
from promo_server.domain.reasons import Reason
from promo_server.services.ports import Database, UnitOfWork


async def find_campaign(unit: UnitOfWork, project_id: str, id_or_name: str) -> Campaign:
    """Return a campaign of the project; refuse with CAMPAIGN_NOT_FOUND."""
    campaign = await unit.campaigns.find(project_id, id_or_name)
    if campaign is None:
        raise DomainError(Reason.CAMPAIGN_NOT_FOUND, campaign=id_or_name)
    return campaign


class ReadCampaigns:
    """Reads campaigns of the caller's project."""

    def __init__(self, database: Database) -> None:
        """Keep what reading needs."""
        self._database = database

    async def get(self, caller: Caller, id_or_name: str) -> Campaign:
        """Return one campaign."""
        async with self._database.read() as unit:
            return await find_campaign(unit, caller.project, id_or_name)

    async def page(self, caller: Caller, page: Page) -> PageOf[Campaign]:
        """Return a page of campaigns, newest first."""
        async with self._database.read() as unit:
            return await unit.campaigns.page(caller.project, page)
