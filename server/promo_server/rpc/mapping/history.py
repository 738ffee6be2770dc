"""What happened, as messages."""

from __future__ import annotations

from promo.v1 import customer_pb2, event_pb2, placed_order_pb2, publication_pb2, redemption_pb2
from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason
from promo_server.rpc.mapping.checks import Checks
from promo_server.rpc.mapping.redemptions import state_of
from promo_server.rpc.mapping.times import timestamp
from promo_server.services.history_ports import ArchivedCustomer, ArchivedOrder
from promo_server.services.read_history import ListedPublication

_SOURCE_ID_BYTES = 256
_ID_BYTES = 64


def source_id(field: str, value: str) -> str:
    """Return the caller's own id of a customer or order."""
    checks = Checks()
    checks.text(field, value, _SOURCE_ID_BYTES, required=True)
    checks.finish()
    return value


def engine_id(value: str) -> str:
    """Return an id that the engine has made."""
    checks = Checks()
    checks.text("id", value, _ID_BYTES, required=True)
    checks.finish()
    return value


def rollback(entry: bytes, rollback_id: str) -> redemption_pb2.Rollback:
    """Return the rollback in a ledger entry; refuse with ROLLBACK_NOT_FOUND when the entry is of another kind."""
    message = event_pb2.LedgerEntry.FromString(entry)
    if not message.HasField("rollback"):
        raise DomainError(Reason.ROLLBACK_NOT_FOUND, rollback=rollback_id)
    return message.rollback


def publication(value: ListedPublication) -> publication_pb2.Publication:
    """Return a publication."""
    message = event_pb2.LedgerEntry.FromString(value.entry).publication
    message.codes.extend(value.codes)
    end_ms = None if value.campaign is None else value.campaign.end_ms(message.publish_time.ToMilliseconds())
    if end_ms is not None:
        message.expire_time.CopyFrom(timestamp(end_ms))
    return message


def customer(value: ArchivedCustomer) -> customer_pb2.Customer:
    """Return a customer."""
    return customer_pb2.Customer(
        id=value.id,
        source_id=value.source_id,
        name=value.name,
        email=value.email,
        phone=value.phone,
        metadata=value.metadata,
        create_time=timestamp(value.create_ms),
        update_time=timestamp(value.update_ms),
    )


def order(value: ArchivedOrder) -> placed_order_pb2.PlacedOrder:
    """Return an order."""
    return placed_order_pb2.PlacedOrder(
        order=event_pb2.LedgerEntry.FromString(value.entry).redemption.order,
        customer=value.customer,
        redemption_id=value.redemption_id,
        redemption_state=state_of(value.state),
        create_time=timestamp(value.create_ms),
        update_time=timestamp(value.update_ms),
    )
