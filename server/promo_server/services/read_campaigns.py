"""Gets and lists campaigns."""

from __future__ import annotations

from promo_server.domain.access import Caller
from promo_server.domain.campaign import Campaign
from promo_server.domain.errors import DomainError, FieldsInvalidError, Violation
from promo_server.domain.paging import Page, PageOf
from promo_server.domain.reasons import Reason
from promo_server.services.ports import Database, UnitOfWork


async def find_campaign(unit: UnitOfWork, project_id: str, id_or_name: str) -> Campaign:
    """Return a campaign of the project; refuse with CAMPAIGN_NOT_FOUND."""
    campaign = await unit.campaigns.find(project_id, id_or_name)
    if campaign is None:
        raise DomainError(Reason.CAMPAIGN_NOT_FOUND, campaign=id_or_name)
    return campaign


async def find_to_add_codes(unit: UnitOfWork, project_id: str, id_or_name: str) -> Campaign:
    """Return a campaign that can get more codes; refuse that of a voucher that stands alone with FIELD_INVALID."""
    campaign = await find_campaign(unit, project_id, id_or_name)
    if campaign.standalone:
        (code,) = await unit.stored_codes.slice(campaign.id, 0, 1)
        problem = f"is that of the voucher {code}, which stands alone: it has no other codes; name another campaign"
        raise FieldsInvalidError((Violation("campaign", problem),))
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
