"""CampaignService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.empty_pb2 import Empty

from promo.v1 import campaign_pb2, campaign_service_pb2, campaign_service_pb2_grpc
from promo_server.domain.paging import encode_token
from promo_server.rpc import identity
from promo_server.rpc.mapping import campaigns as mapping
from promo_server.rpc.mapping.checks import Checks
from promo_server.services.change_campaign import ChangeCampaign
from promo_server.services.create_campaign import CreateCampaign
from promo_server.services.read_campaigns import ReadCampaigns

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

_LIST = "campaigns"


class CampaignServicer(campaign_service_pb2_grpc.CampaignServiceServicer):
    """Defines campaigns."""

    def __init__(self, create: CreateCampaign, change: ChangeCampaign, read: ReadCampaigns) -> None:
        """Keep the use cases."""
        self._create = create
        self._change = change
        self._read = read

    async def CreateCampaign(
        self,
        request: campaign_service_pb2.CreateCampaignRequest,
        _context: Context,
    ) -> campaign_pb2.Campaign:
        new, repeat = mapping.new_campaign(request)
        campaign = await self._create(identity.current(), new, repeat, validate_only=request.validate_only)
        return mapping.campaign(campaign)

    async def GetCampaign(
        self,
        request: campaign_service_pb2.GetCampaignRequest,
        _context: Context,
    ) -> campaign_pb2.Campaign:
        name = mapping.campaign_name(request.campaign)
        return mapping.campaign(await self._read.get(identity.current(), name))

    async def ListCampaigns(
        self,
        request: campaign_service_pb2.ListCampaignsRequest,
        _context: Context,
    ) -> campaign_service_pb2.ListCampaignsResponse:
        caller = identity.current()
        page = Checks().page(_LIST, caller.project, request.page_size, request.page_token)
        found = await self._read.page(caller, page)
        return campaign_service_pb2.ListCampaignsResponse(
            campaigns=[mapping.campaign(campaign) for campaign in found.rows],
            next_page_token=encode_token(_LIST, caller.project, found.last),
        )

    async def UpdateCampaign(
        self,
        request: campaign_service_pb2.UpdateCampaignRequest,
        _context: Context,
    ) -> campaign_pb2.Campaign:
        update, repeat = mapping.update(request)
        caller = identity.current()
        campaign = await self._change.update(caller, update, repeat, validate_only=request.validate_only)
        return mapping.campaign(campaign)

    async def EnableCampaign(
        self,
        request: campaign_service_pb2.EnableCampaignRequest,
        _context: Context,
    ) -> campaign_pb2.Campaign:
        return await self._switch("EnableCampaign", request, enabled=True)

    async def DisableCampaign(
        self,
        request: campaign_service_pb2.DisableCampaignRequest,
        _context: Context,
    ) -> campaign_pb2.Campaign:
        return await self._switch("DisableCampaign", request, enabled=False)

    async def DeleteCampaign(
        self,
        request: campaign_service_pb2.DeleteCampaignRequest,
        _context: Context,
    ) -> Empty:
        target, repeat = mapping.target("DeleteCampaign", request)
        await self._change.delete(identity.current(), target, repeat, validate_only=request.validate_only)
        return Empty()

    async def _switch(
        self,
        method: str,
        request: campaign_service_pb2.EnableCampaignRequest | campaign_service_pb2.DisableCampaignRequest,
        *,
        enabled: bool,
    ) -> campaign_pb2.Campaign:
        target, repeat = mapping.target(method, request)
        caller, dry_run = identity.current(), request.validate_only
        campaign = await self._change.switch(caller, target, repeat, enabled=enabled, validate_only=dry_run)
        return mapping.campaign(campaign)
