"""Keeps everything else from adding codes to a campaign that codes are imported into."""

from __future__ import annotations

from promo_server.domain.campaign import Campaign
from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason
from promo_server.services.ports import UnitOfWork


async def require_no_import(unit: UnitOfWork, campaign: Campaign) -> None:
    """Refuse with IMPORT_IN_PROGRESS while an import of the campaign is neither finished nor aborted."""
    running = await unit.imports.open_of(campaign.id)
    if running is not None:
        raise DomainError(Reason.IMPORT_IN_PROGRESS, campaign=campaign.name, **{"import": running.id})
