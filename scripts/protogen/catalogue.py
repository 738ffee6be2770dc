"""Reads the catalogue of reasons from the options of the Reason enum."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message
from google.rpc import code_pb2

from protogen import descriptors

FILE = "promo/v1/reason.proto"
EXTENSION = "promo.v1.detail"
ENUM_VALUE_TAGS = (5, 2)  # FileDescriptorProto.enum_type, EnumDescriptorProto.value


class CatalogueError(ValueError):
    """The catalogue breaks one of its own rules."""


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One reason with everything that is said about it."""

    name: str
    number: int
    comment: str
    message: str
    metadata_keys: tuple[str, ...]
    grpc_code: int
    grpc_name: str
    http_status: int
    rest_key: str
    retry: str

    @property
    def camel(self) -> str:
        """Return the name as a type is written, CodeNotFound."""
        return "".join(word.capitalize() for word in self.name.split("_"))


def read(files: list[descriptor_pb2.FileDescriptorProto]) -> list[Entry]:
    """Return every reason but the unspecified one, in order of number."""
    file = next(file for file in files if file.name == FILE)
    position, enum = next(
        (position, enum) for position, enum in enumerate(file.enum_type) if enum.name == "Reason"
    )
    notes = descriptors.comments(file)
    details = _details(files)
    entries = []
    for index, value in enumerate(enum.value):
        comment = notes.get((ENUM_VALUE_TAGS[0], position, ENUM_VALUE_TAGS[1], index), "")
        if value.number:
            entries.append(_entry(value, " ".join(comment.split()), details[value.name]))
    entries.sort(key=lambda entry: entry.number)
    _check(entries)
    return entries


def _details(files: list[descriptor_pb2.FileDescriptorProto]) -> Mapping[str, Message]:
    """Return the option of each enum value, decoded by a pool of its own.

    The descriptors were parsed without knowing the extension, so the option is
    among the unknown fields; parsing them again with it brings it out.
    """
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(descriptor_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(code_pb2.DESCRIPTOR.serialized_pb)
    file = next(file for file in files if file.name == FILE)
    pool.Add(file)
    extension = pool.FindExtensionByName(EXTENSION)
    options_class = message_factory.GetMessageClass(
        pool.FindMessageTypeByName("google.protobuf.EnumValueOptions"),
    )
    message_factory.GetMessageClass(extension.message_type)
    enum = next(enum for enum in file.enum_type if enum.name == "Reason")
    details = {}
    for value in enum.value:
        options = options_class.FromString(value.options.SerializeToString())
        if not options.HasExtension(extension):
            message = f"{value.name} has no detail"
            raise CatalogueError(message)
        details[value.name] = options.Extensions[extension]
    return details


def _entry(value: descriptor_pb2.EnumValueDescriptorProto, comment: str, detail: Message) -> Entry:
    fields = detail.DESCRIPTOR.fields_by_name
    code = detail.grpc_code
    return Entry(
        name=value.name.removeprefix("REASON_"),
        number=value.number,
        comment=comment,
        message=detail.message,
        metadata_keys=tuple(detail.metadata_keys),
        grpc_code=code,
        grpc_name=fields["grpc_code"].enum_type.values_by_number[code].name,
        http_status=detail.http_status,
        rest_key=detail.rest_key,
        retry=fields["retry"]
        .enum_type.values_by_number[detail.retry]
        .name.removeprefix("RETRY_ADVICE_"),
    )


def _check(entries: list[Entry]) -> None:
    """Refuse a catalogue that callers could not rely on."""
    for expected, entry in enumerate(entries, start=1):
        # A retired reason stays in the catalogue: its number is a promise, and
        # tables can be indexed by number.
        if entry.number != expected:
            message = f"{entry.name} has number {entry.number}, expected {expected}"
            raise CatalogueError(message)
        missing = [key for key in entry.metadata_keys if f"{{{key}}}" not in entry.message]
        unknown = entry.message
        for key in entry.metadata_keys:
            unknown = unknown.replace(f"{{{key}}}", "")
        if missing or "{" in unknown or entry.retry == "UNSPECIFIED" or not entry.comment:
            message = f"{entry.name}: message, metadata_keys, retry or comment is wrong"
            raise CatalogueError(message)
