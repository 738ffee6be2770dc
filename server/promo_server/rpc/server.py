"""The control plane's server on its private socket."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import grpc
from google.longrunning import operations_pb2_grpc

from promo.v1 import (
    access_service_pb2_grpc,
    campaign_service_pb2_grpc,
    code_service_pb2_grpc,
    customer_service_pb2_grpc,
    order_service_pb2_grpc,
    publication_service_pb2_grpc,
    redemption_service_pb2_grpc,
    voucher_service_pb2_grpc,
)
from promo_server.rpc.access import AccessServicer
from promo_server.rpc.campaigns import CampaignServicer
from promo_server.rpc.codes import CodeServicer
from promo_server.rpc.customers import CustomerServicer
from promo_server.rpc.data_plane import DataPlaneRequests
from promo_server.rpc.health import Health
from promo_server.rpc.interceptor import CallInterceptor
from promo_server.rpc.operations import OperationsServicer
from promo_server.rpc.orders import OrderServicer
from promo_server.rpc.publications import ArchivedPublicationServicer
from promo_server.rpc.redemptions import ArchivedRedemptionServicer
from promo_server.rpc.vouchers import VoucherServicer
from promo_server.services.use_cases import UseCases

_CONCURRENT_CALLS = 256
"""Of each process with an edge, which keeps some of them for what its engine asks."""
_MESSAGE_BYTES = 64 * 1024 * 1024
"""The edge bounds the size of requests; this only has to be no less."""


class ControlPlaneServer:
    """Serves the use cases on a unix socket that only its owner can open."""

    def __init__(
        self,
        use_cases: UseCases,
        socket: Path,
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
        edges: int = 1,
    ) -> None:
        """Prepare; `socket` must be in a folder that only its owner can enter.

        `interceptors` see every call first; `edges` is how many processes forward calls to the socket.
        """
        self._socket = socket
        self._server = grpc.aio.server(
            interceptors=[*interceptors, CallInterceptor()],
            maximum_concurrent_rpcs=_CONCURRENT_CALLS * edges,
            options=[("grpc.max_receive_message_length", _MESSAGE_BYTES)],
        )
        campaigns = CampaignServicer(use_cases.create_campaign, use_cases.change_campaign, use_cases.read_campaigns)
        campaign_service_pb2_grpc.add_CampaignServiceServicer_to_server(campaigns, self._server)
        codes = CodeServicer(
            use_cases.code_batches, use_cases.export_codes, use_cases.import_codes, use_cases.verification_keys
        )
        code_service_pb2_grpc.add_CodeServiceServicer_to_server(codes, self._server)
        access_service_pb2_grpc.add_AccessServiceServicer_to_server(AccessServicer(use_cases.access), self._server)
        orders = OrderServicer(use_cases.history)
        order_service_pb2_grpc.add_OrderServiceServicer_to_server(orders, self._server)
        # The data plane serves the other methods of these and never forwards them.
        vouchers = VoucherServicer(  # type: ignore[abstract]
            use_cases.create_voucher, use_cases.list_vouchers, use_cases.list_standalone
        )
        voucher_service_pb2_grpc.add_VoucherServiceServicer_to_server(vouchers, self._server)
        redemptions = ArchivedRedemptionServicer(use_cases.archive, use_cases.history)  # type: ignore[abstract]
        redemption_service_pb2_grpc.add_RedemptionServiceServicer_to_server(redemptions, self._server)
        publications = ArchivedPublicationServicer(use_cases.history)  # type: ignore[abstract]
        publication_service_pb2_grpc.add_PublicationServiceServicer_to_server(publications, self._server)
        customers = CustomerServicer(use_cases.history)  # type: ignore[abstract]
        customer_service_pb2_grpc.add_CustomerServiceServicer_to_server(customers, self._server)
        self._server.add_generic_rpc_handlers(DataPlaneRequests(use_cases.archive, use_cases.auto_grow).handlers())
        self._health = Health()
        self._server.add_generic_rpc_handlers([self._health.handler()])
        operations = OperationsServicer(use_cases.operations)
        operations_pb2_grpc.add_OperationsServicer_to_server(operations, self._server)  # type: ignore[no-untyped-call]

    async def start(self) -> None:
        """Begin to answer. A socket that a dead server left is replaced."""
        self._socket.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server.add_insecure_port(f"unix:{self._socket}")
            await self._server.start()
        finally:
            os.umask(before)
        self._socket.chmod(0o600)

    async def stop(self, grace_seconds: float) -> None:
        """Take no new call, let running ones finish, then close."""
        self._health.stop()
        await self._server.stop(grace_seconds)
        self._socket.unlink(missing_ok=True)

    async def wait(self) -> None:
        """Return when the server has stopped."""
        await self._server.wait_for_termination()
