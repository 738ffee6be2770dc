"""The customers of a project, and the orders on which they used codes."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from promo.client import methods
from promo.client.archive_page import archive_page
from promo.client.calls import Caller
from promo.client.paging import Listing, listing
from promo.v1.customer_pb2 import Customer
from promo.v1.customer_service_pb2 import (
    EraseCustomerRequest,
    GetCustomerRequest,
    ListCustomersRequest,
    UpsertCustomerRequest,
)
from promo.v1.order_service_pb2 import GetOrderRequest, ListOrdersRequest
from promo.v1.placed_order_pb2 import PlacedOrder


class Customers:
    """Keeps the profiles of customers. `client.customers`."""

    def __init__(self, caller: Caller) -> None:
        """Call through `caller`."""
        self._caller = caller

    async def get(self, customer: str, *, timeout: float | None = None) -> Customer:
        """Return the customer with this `source_id`. Raises CustomerNotFound, ArchiveBehind."""
        return await self._caller.unary(methods.GET_CUSTOMER, GetCustomerRequest(customer=customer), timeout)

    def list(
        self,
        filter: str = "",  # noqa: A002  the contract's name
        *,
        order_by: str = "",
        page_size: int = 100,
        page_token: str = "",
        require_fresh: bool = False,
        timeout: float | None = None,
    ) -> Listing[Customer]:
        """Return customers, newest first, that a filter lets through.

        Example: 'email = "ada@example.com"'. With `require_fresh` a page raises
        ArchiveBehind where it could lack something that happened before the call;
        `timeout` is that of each page. Raises FieldInvalid, PageTokenInvalid.
        """
        return listing(
            self._caller,
            methods.LIST_CUSTOMERS,
            lambda token: ListCustomersRequest(
                filter=filter,
                order_by=order_by,
                page_size=page_size,
                page_token=token,
            ),
            lambda answer: archive_page(answer, answer.customers, require_fresh=require_fresh),
            page_token=page_token,
            timeout=timeout,
        )

    async def upsert(
        self,
        customer: Customer,
        fields: Sequence[str] | None = None,
        *,
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Customer:
        """Write a profile, of somebody new too, and return what was written.

        Without `fields`, what is not empty is written; with them, the named
        fields are, also when they are empty: name, email, phone, metadata.
        """
        request = UpsertCustomerRequest(
            customer=customer,
            update_mask=None if fields is None else FieldMask(paths=fields),
            request_id=request_id,
            validate_only=validate_only,
        )
        return await self._caller.unary(methods.UPSERT_CUSTOMER, request, timeout)

    async def erase(
        self,
        customer: str,
        *,
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Erase what is known of the person with this `source_id`; see EraseCustomer for what stays."""
        request = EraseCustomerRequest(customer=customer, request_id=request_id, validate_only=validate_only)
        await self._caller.unary(methods.ERASE_CUSTOMER, request, timeout)


class Orders:
    """Looks at orders on which codes were used. `client.orders`."""

    def __init__(self, caller: Caller) -> None:
        """Call through `caller`."""
        self._caller = caller

    async def get(self, order: str, *, timeout: float | None = None) -> PlacedOrder:
        """Return the order with this `source_id`. Raises OrderNotFound, ArchiveBehind."""
        return await self._caller.unary(methods.GET_ORDER, GetOrderRequest(order=order), timeout)

    def list(
        self,
        filter: str = "",  # noqa: A002  the contract's name
        *,
        order_by: str = "",
        page_size: int = 100,
        page_token: str = "",
        require_fresh: bool = False,
        timeout: float | None = None,
    ) -> Listing[PlacedOrder]:
        """Return orders, newest first, that a filter lets through.

        Example: 'customer = "17850" AND amount >= 10000'. With `require_fresh` a page raises
        ArchiveBehind where it could lack something that happened before the call;
        `timeout` is that of each page. Raises FieldInvalid, PageTokenInvalid.
        """
        return listing(
            self._caller,
            methods.LIST_ORDERS,
            lambda token: ListOrdersRequest(
                filter=filter,
                order_by=order_by,
                page_size=page_size,
                page_token=token,
            ),
            lambda answer: archive_page(answer, answer.orders, require_fresh=require_fresh),
            page_token=page_token,
            timeout=timeout,
        )
