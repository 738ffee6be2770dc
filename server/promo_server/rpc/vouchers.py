"""VoucherService, as far as SQL answers it: the data plane answers the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from promo.v1 import voucher_pb2, voucher_service_pb2, voucher_service_pb2_grpc
from promo_server.domain.given_code import require_code
from promo_server.domain.paging import encode_token
from promo_server.rpc import identity
from promo_server.rpc.mapping import times
from promo_server.rpc.mapping import vouchers as mapping
from promo_server.rpc.mapping.campaigns import campaign_name
from promo_server.rpc.mapping.checks import Checks
from promo_server.rpc.mapping.repeats import repeat_of
from promo_server.services.create_voucher import CreateVoucher
from promo_server.services.list_standalone import ListStandalone, StandalonePage
from promo_server.services.list_vouchers import ListVouchers, VoucherPage

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]


class VoucherServicer(voucher_service_pb2_grpc.VoucherServiceServicer):
    """Creates and lists vouchers."""

    def __init__(self, create: CreateVoucher, list_vouchers: ListVouchers, list_standalone: ListStandalone) -> None:
        """Keep the use cases."""
        self._create = create
        self._list = list_vouchers
        self._list_standalone = list_standalone

    async def CreateVoucher(
        self,
        request: voucher_service_pb2.CreateVoucherRequest,
        _context: Context,
    ) -> voucher_pb2.Voucher:
        caller, checks = identity.current(), Checks()
        repeat = repeat_of("CreateVoucher", request, checks)
        if request.WhichOneof("terms") is None:
            checks.add("terms", "name a campaign, or give standalone terms")
        checks.finish()
        require_code("code", request.code)
        dry_run = request.validate_only
        if request.HasField("standalone"):
            terms = mapping.standalone_terms(checks, request.standalone)
            new = await self._create.standalone(caller, request.code, terms, repeat, validate_only=dry_run)
        else:
            name = campaign_name(request.campaign)
            new = await self._create.in_campaign(caller, name, request.code, repeat, validate_only=dry_run)
        return mapping.created(new)

    async def ListVouchers(
        self,
        request: voucher_service_pb2.ListVouchersRequest,
        _context: Context,
    ) -> voucher_service_pb2.ListVouchersResponse:
        caller = identity.current()
        name, wanted, page, scope = mapping.list_request(request, caller.project)
        found: VoucherPage | StandalonePage
        if name:
            found = await self._list(caller, name, wanted, page)
            vouchers = mapping.vouchers(found.campaign, found.vouchers)
        else:
            found = await self._list_standalone(caller, wanted, page)
            vouchers = [mapping.standalone(one) for one in found.vouchers]
        return voucher_service_pb2.ListVouchersResponse(
            vouchers=vouchers,
            next_page_token=encode_token(mapping.LIST, scope, found.last),
            stale_since=None if found.stale_since is None else times.timestamp(found.stale_since),
        )
