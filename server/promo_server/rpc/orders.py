"""OrderService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from promo.v1 import order_service_pb2, order_service_pb2_grpc, placed_order_pb2
from promo_server.domain import lists
from promo_server.rpc import identity
from promo_server.rpc.mapping import history
from promo_server.rpc.mapping import lists as pages
from promo_server.services.read_history import ReadHistory

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]


class OrderServicer(order_service_pb2_grpc.OrderServiceServicer):
    """Returns and lists orders."""

    def __init__(self, read: ReadHistory) -> None:
        """Keep the use case."""
        self._history = read

    async def GetOrder(
        self,
        request: order_service_pb2.GetOrderRequest,
        _context: Context,
    ) -> placed_order_pb2.PlacedOrder:
        name = history.source_id("order", request.order)
        return history.order(await self._history.order(identity.current(), name))

    async def ListOrders(
        self,
        request: order_service_pb2.ListOrdersRequest,
        _context: Context,
    ) -> order_service_pb2.ListOrdersResponse:
        caller = identity.current()
        asked = pages.query(lists.ORDERS, caller, request)
        found = await self._history.orders(caller, asked)
        answer = order_service_pb2.ListOrdersResponse(orders=map(history.order, found.rows))
        return pages.answer(lists.ORDERS, caller, asked, found, answer)
