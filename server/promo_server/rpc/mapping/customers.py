"""Customers."""

from __future__ import annotations

from promo.v1 import customer_pb2, customer_service_pb2
from promo_server.domain.access import Caller
from promo_server.rpc.mapping import times
from promo_server.rpc.mapping.checks import Checks
from promo_server.services.archive_ports import Row
from promo_server.store import ids

_SOURCE_ID_BYTES = 256
_TEXT_BYTES = 256
_PHONE_BYTES = 64


def profile(caller: Caller, request: customer_service_pb2.UpsertCustomerRequest) -> Row:
    """Return what the request says about a customer."""
    checks = Checks()
    said = request.customer
    row = {
        "source_id": checks.text("customer.source_id", said.source_id, _SOURCE_ID_BYTES, required=True),
        "name": checks.text("customer.name", said.name, _TEXT_BYTES),
        "email": checks.text("customer.email", said.email, _TEXT_BYTES),
        "phone": checks.text("customer.phone", said.phone, _PHONE_BYTES),
        "metadata": checks.metadata("customer.metadata", said.metadata),
    }
    checks.finish()
    return {**row, "id": ids.customer_id(caller.project, said.source_id)}


def customer(row: Row) -> customer_pb2.Customer:
    """Return a stored profile."""
    return customer_pb2.Customer(
        id=row["id"],
        source_id=row["source_id"],
        name=row["name"],
        email=row["email"],
        phone=row["phone"],
        metadata=row["metadata"],
        create_time=times.timestamp(row["create_ms"]),
        update_time=times.timestamp(row["update_ms"]),
    )
