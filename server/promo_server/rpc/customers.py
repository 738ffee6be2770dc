"""CustomerService, as far as the archive answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from promo.v1 import customer_pb2, customer_service_pb2, customer_service_pb2_grpc
from promo_server.domain import lists
from promo_server.rpc import identity
from promo_server.rpc.mapping import history
from promo_server.rpc.mapping import lists as pages
from promo_server.services.read_history import ReadHistory

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]


class CustomerServicer(customer_service_pb2_grpc.CustomerServiceServicer):
    """Returns and lists customers."""

    def __init__(self, read: ReadHistory) -> None:
        """Keep the use case."""
        self._history = read

    async def GetCustomer(
        self,
        request: customer_service_pb2.GetCustomerRequest,
        _context: Context,
    ) -> customer_pb2.Customer:
        name = history.source_id("customer", request.customer)
        return history.customer(await self._history.customer(identity.current(), name))

    async def ListCustomers(
        self,
        request: customer_service_pb2.ListCustomersRequest,
        _context: Context,
    ) -> customer_service_pb2.ListCustomersResponse:
        caller = identity.current()
        asked = pages.query(lists.CUSTOMERS, caller, request)
        found = await self._history.customers(caller, asked)
        answer = customer_service_pb2.ListCustomersResponse(customers=map(history.customer, found.rows))
        return pages.answer(lists.CUSTOMERS, caller, asked, found, answer)
