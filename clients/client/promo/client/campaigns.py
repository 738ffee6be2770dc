"""The campaigns of a project."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from promo.client import methods
from promo.client.calls import Caller
from promo.client.page import Page
from promo.client.paging import Listing, listing
from promo.v1.campaign_pb2 import Campaign
from promo.v1.campaign_service_pb2 import (
    CreateCampaignRequest,
    DeleteCampaignRequest,
    DisableCampaignRequest,
    EnableCampaignRequest,
    GetCampaignRequest,
    ListCampaignsRequest,
    UpdateCampaignRequest,
)


class Campaigns:
    """Defines campaigns. `client.campaigns`."""

    def __init__(self, caller: Caller) -> None:
        """Call through `caller`."""
        self._caller = caller

    async def create(
        self,
        campaign: Campaign,
        *,
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Campaign:
        """Return the new campaign, whose codes can be used now.

        Raises CampaignAlreadyExists, CodeLayoutInvalid, CodeSpaceTooSmall.
        """
        request = CreateCampaignRequest(campaign=campaign, request_id=request_id, validate_only=validate_only)
        return await self._caller.unary(methods.CREATE_CAMPAIGN, request, timeout)

    async def get(self, campaign: str, *, timeout: float | None = None) -> Campaign:
        """Return the campaign with this id or name. Raises CampaignNotFound."""
        request = GetCampaignRequest(campaign=campaign)
        return await self._caller.unary(methods.GET_CAMPAIGN, request, timeout)

    def list(
        self,
        *,
        page_size: int = 100,
        page_token: str = "",
        timeout: float | None = None,
    ) -> Listing[Campaign]:
        """Return the campaigns, newest first; `timeout` is that of each page."""
        return listing(
            self._caller,
            methods.LIST_CAMPAIGNS,
            lambda token: ListCampaignsRequest(page_size=page_size, page_token=token),
            lambda answer: Page(answer.campaigns, answer.next_page_token),
            page_token=page_token,
            timeout=timeout,
        )

    async def update(
        self,
        campaign: Campaign,
        fields: Sequence[str],
        *,
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Campaign:
        """Return the campaign with the named fields changed to those given.

        `campaign` has an id or a name, and an etag where nobody may have
        changed it since. Raises CampaignNotFound, EtagMismatch.
        """
        request = UpdateCampaignRequest(
            campaign=campaign,
            update_mask=FieldMask(paths=fields),
            request_id=request_id,
            validate_only=validate_only,
        )
        return await self._caller.unary(methods.UPDATE_CAMPAIGN, request, timeout)

    async def enable(
        self,
        campaign: str,
        *,
        etag: str = "",
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Campaign:
        """Return the campaign, whose codes can be used now."""
        request = EnableCampaignRequest(
            campaign=campaign, etag=etag, request_id=request_id, validate_only=validate_only
        )
        return await self._caller.unary(methods.ENABLE_CAMPAIGN, request, timeout)

    async def disable(
        self,
        campaign: str,
        *,
        etag: str = "",
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Campaign:
        """Return the campaign, whose codes are refused from the next call on."""
        request = DisableCampaignRequest(
            campaign=campaign, etag=etag, request_id=request_id, validate_only=validate_only
        )
        return await self._caller.unary(methods.DISABLE_CAMPAIGN, request, timeout)

    async def delete(
        self,
        campaign: str,
        *,
        etag: str = "",
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Delete the campaign; its codes are unknown from the next call on."""
        request = DeleteCampaignRequest(
            campaign=campaign, etag=etag, request_id=request_id, validate_only=validate_only
        )
        await self._caller.unary(methods.DELETE_CAMPAIGN, request, timeout)
