"""Messages as documents for scripts and files: the contract's field names, plain numbers, short words for enums."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message

from promo_server.cli.command_error import CommandError

Document = dict[str, Any]

_WELL_KNOWN = "google.protobuf."
"""Times and durations are text already."""

_WIDE = {
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT64,
}
"""Types that the canonical JSON of protobuf writes as text."""

_REASON = "promo.v1.Reason"
"""Its values are spelled in capitals everywhere, as ErrorInfo.reason is."""


def to_document(message: Message) -> Document:
    """Return a message with all of its fields but unset messages; amounts are minor units, times RFC 3339 in UTC."""
    document: Document = MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
    return _converted(document, _descriptor(message), _shown)


def from_document(document: Document, message: Message, source: str) -> None:
    """Fill a message with what a document has; `source` is what an error calls it."""
    try:
        ParseDict(_converted(document, _descriptor(message), _read), message)
    except (ParseError, ValueError) as error:
        name = message.DESCRIPTOR.name
        raise CommandError(f"{source}: {error}; the fields of {name} are in docs/reference/proto.md") from None


def word(enum: EnumDescriptor, number: int) -> str:
    """Return the word of an enum's value: `apply_to_order`, `succeeded`."""
    return _short(enum.values_by_number[number].name, enum)


def _converted(document: Document, descriptor: Descriptor, convert: Callable[[Any, FieldDescriptor], Any]) -> Document:
    converted: Document = {}
    for name, value in document.items():
        field = descriptor.fields_by_name.get(name) or descriptor.fields_by_camelcase_name.get(name)
        if field is None:
            raise ValueError(f"{descriptor.name} has no field {name!r}")
        if _is_map(field):
            converted[name] = value
        elif isinstance(value, list):
            converted[name] = [_one(item, field, convert) for item in value]
        else:
            converted[name] = _one(value, field, convert)
    return converted


def _one(value: Any, field: FieldDescriptor, convert: Callable[[Any, FieldDescriptor], Any]) -> Any:  # noqa: ANN401
    within = field.message_type
    if isinstance(value, dict) and within is not None and not within.full_name.startswith(_WELL_KNOWN):
        return _converted(value, within, convert)
    return convert(value, field)


def _descriptor(message: Message) -> Descriptor:
    # Stubs tell its two implementations apart.
    return cast("Descriptor", message.DESCRIPTOR)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _shown(value: Any, field: FieldDescriptor) -> Any:  # noqa: ANN401 - whatever JSON has
    if field.enum_type is not None and isinstance(value, str):
        return _short(value, field.enum_type)
    if field.cpp_type in _WIDE:
        return int(value)
    return value


def _read(value: Any, field: FieldDescriptor) -> Any:  # noqa: ANN401 - whatever JSON or TOML has
    if field.enum_type is not None and isinstance(value, str):
        known = {_short(name, field.enum_type): name for name in field.enum_type.values_by_name}
        return known.get(value, value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{field.name}: {value.isoformat()} has no time zone; write {value.isoformat()}Z")
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        message = f"{field.name}: {value.isoformat()} is a day; write {value.isoformat()}T00:00:00Z"
        raise ValueError(message)  # noqa: TRY004 - of the file's author, not of a program
    return value


def _short(name: str, enum: EnumDescriptor) -> str:
    words = "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in enum.name).lstrip("_")
    short = name.removeprefix(f"{words}_")
    return short if enum.full_name == _REASON else short.lower()
