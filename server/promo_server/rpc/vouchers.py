"""VoucherService, as far as SQL answers it: the data plane answers the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from promo.v1 import voucher_service_pb2, voucher_service_pb2_grpc
from promo_server.domain.paging import encode_token
from promo_server.rpc import identity
from promo_server.rpc.mapping import times
from promo_server.rpc.mapping import vouchers as mapping
from promo_server.services.list_vouchers import ListVouchers

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]


class VoucherServicer(voucher_service_pb2_grpc.VoucherServiceServicer):
    """Lists vouchers."""

    def __init__(self, list_vouchers: ListVouchers) -> None:
        """Keep the use cases."""
        self._list = list_vouchers

    async def ListVouchers(
        self,
        request: voucher_service_pb2.ListVouchersRequest,
        _context: Context,
    ) -> voucher_service_pb2.ListVouchersResponse:
        caller = identity.current()
        name, wanted, page, scope = mapping.list_request(request, caller.project)
        found = await self._list(caller, name, wanted, page)
        return voucher_service_pb2.ListVouchersResponse(
            vouchers=[mapping.voucher(found.campaign, listed) for listed in found.vouchers],
            next_page_token=encode_token(mapping.LIST, scope, found.last),
            stale_since=None if found.stale_since is None else times.timestamp(found.stale_since),
        )
