"""Reads ledger entries for the archive."""

from __future__ import annotations

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from promo.v1 import event_pb2

_NUL = "\0"
_IN_PLACE_OF_NUL = "\ufffd"


def read_entry(entry: bytes) -> event_pb2.LedgerEntry:
    """Return a ledger entry; raise DecodeError when it is none.

    In place of NUL, which PostgreSQL takes in no text, it has the replacement character.
    """
    message = event_pb2.LedgerEntry.FromString(entry)
    # The byte is in hardly any entry, and in every one with such a text.
    if b"\0" in entry:
        _replace(message)
    return message


def persons_of(entry: event_pb2.LedgerEntry) -> set[str]:
    """Return the customers whom an entry names."""
    return {
        entry.customer.source_id,
        entry.redemption.customer,
        entry.publication.customer,
        entry.customer_change.customer.source_id,
    } - {""}


def happened_ms(entry: event_pb2.LedgerEntry) -> int:
    """Return when it happened, milliseconds since 1970; 0 for a change of a voucher, which has no time."""
    match entry.WhichOneof("fact"):
        case "redemption":
            time = entry.redemption.redeem_time
        case "rollback":
            time = entry.rollback.rollback_time
        case "publication":
            time = entry.publication.publish_time
        case _:
            time = entry.customer_change.change_time
    return time.ToMilliseconds()


def _text(value: str) -> str:
    return value.replace(_NUL, _IN_PLACE_OF_NUL)


def _replace(message: Message) -> None:
    for field, value in message.ListFields():
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            # Every map of an entry is metadata: texts by text.
            replaced = {_text(key): _text(text) for key, text in value.items()}
            value.clear()
            value.update(replaced)
        elif field.type == FieldDescriptor.TYPE_STRING:
            if isinstance(value, str):
                setattr(message, field.name, _text(value))
            else:
                value[:] = [_text(one) for one in value]
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            for one in [value] if isinstance(value, Message) else value:
                _replace(one)
