"""Takes out of ledger entries what they say of a person.

What stays is what limits, money and proofs need: `source_id`, codes, orders with their lines and amounts, times, the
caller's ids, and the reasons of rollbacks. Callers are told to put no person's data into those.
"""

from __future__ import annotations

from promo.v1 import customer_pb2, event_pb2, publication_pb2, voucher_pb2


def redacted_entry(entry: bytes) -> bytes:
    """Return a ledger entry, serialized, without profile and metadata."""
    message = event_pb2.LedgerEntry.FromString(entry)
    if message.HasField("customer"):
        message.customer.CopyFrom(customer_pb2.Customer(source_id=message.customer.source_id))
    match message.WhichOneof("fact"):
        case "redemption":
            message.redemption.ClearField("metadata")
            message.redemption.order.ClearField("metadata")
            for item in message.redemption.order.items:
                item.ClearField("metadata")
        case "publication":
            message.publication.ClearField("metadata")
        case "customer_change":
            change = message.customer_change
            change.customer.CopyFrom(customer_pb2.Customer(source_id=change.customer.source_id))
            change.ClearField("fields")
        case "voucher":
            message.voucher.override.ClearField("metadata")
        case _:
            pass
    return message.SerializeToString()


def redacted_override(record: bytes) -> bytes:
    """Return what a voucher has of its own, serialized, without metadata."""
    override = voucher_pb2.VoucherOverride.FromString(record)
    override.ClearField("metadata")
    return override.SerializeToString()


def redacted_record(record: bytes) -> bytes:
    """Return what the store keeps with the first code of a publication, without metadata."""
    publication = publication_pb2.Publication.FromString(record)
    publication.ClearField("metadata")
    return publication.SerializeToString()


def holder_record(entry: bytes) -> bytes:
    """Return the record that the store keeps with the first code of a publication, from the publication's entry."""
    record = event_pb2.LedgerEntry.FromString(entry).publication
    # What follows from the campaign and the positions is not kept with them.
    for name in ("id", "campaign_id", "campaign", "codes", "expire_time"):
        record.ClearField(name)
    return record.SerializeToString()
