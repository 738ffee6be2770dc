"""What is known of customers."""

from __future__ import annotations

from promo.client import methods
from promo.client.calls import Caller
from promo.v1.customer_pb2 import Customer
from promo.v1.customer_service_pb2 import UpsertCustomerRequest


class Customers:
    """Keeps profiles of customers. `client.customers`."""

    def __init__(self, caller: Caller) -> None:
        """Call through `caller`."""
        self._caller = caller

    async def upsert(self, customer: Customer, *, timeout: float | None = None) -> Customer:
        """Make a customer known, or change what is known, and return the stored profile.

        What `customer` leaves empty stays as it is.
        """
        return await self._caller.unary(methods.UPSERT_CUSTOMER, UpsertCustomerRequest(customer=customer), timeout)
