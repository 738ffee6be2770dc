"""CustomerService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from promo.v1 import customer_pb2, customer_service_pb2, customer_service_pb2_grpc
from promo_server.rpc import identity
from promo_server.rpc.mapping import customers as mapping
from promo_server.services.customers import UpsertCustomer

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]


class CustomerServicer(customer_service_pb2_grpc.CustomerServiceServicer):
    """Keeps profiles."""

    def __init__(self, upsert: UpsertCustomer) -> None:
        """Keep the use case."""
        self._upsert = upsert

    async def UpsertCustomer(
        self,
        request: customer_service_pb2.UpsertCustomerRequest,
        _context: Context,
    ) -> customer_pb2.Customer:
        caller = identity.current()
        return mapping.customer(await self._upsert(caller, mapping.profile(caller, request)))
