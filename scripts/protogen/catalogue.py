"""Reads the catalogue of reasons from the options of the Reason enum."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.rpc import code_pb2

from protogen import descriptors

FILE = "promo/v1/reason.proto"
EXTENSION = "promo.v1.detail"
OPTIONS = "google.protobuf.EnumValueOptions"
ENUM_VALUE_TAGS = (5, 2)  # FileDescriptorProto.enum_type, EnumDescriptorProto.value


class CatalogueError(ValueError):
    """The catalogue breaks one of its own rules."""


class _Detail(Protocol):
    """promo.v1.ReasonDetail, whose class exists only while this runs."""

    message: str
    metadata_keys: Sequence[str]
    grpc_code: int
    http_status: int
    rest_key: str
    retry: int


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
    position, enum = next((position, enum) for position, enum in enumerate(file.enum_type) if enum.name == "Reason")
    retry = next(enum for enum in file.enum_type if enum.name == "RetryAdvice")
    advice = {value.number: value.name.removeprefix("RETRY_ADVICE_") for value in retry.value}
    comments = descriptors.comments(file)
    details = _details(file, enum)
    entries = []
    for index, value in enumerate(enum.value):
        comment = comments.get((ENUM_VALUE_TAGS[0], position, ENUM_VALUE_TAGS[1], index), "")
        if value.number:
            name = value.name.removeprefix("REASON_")
            entries.append(_entry(name, value.number, " ".join(comment.split()), details[value.name], advice))
    entries.sort(key=lambda entry: entry.number)
    _check(entries)
    return entries


def _details(file: descriptor_pb2.FileDescriptorProto, enum: descriptor_pb2.EnumDescriptorProto) -> dict[str, _Detail]:
    """Return the option of each enum value, decoded by a pool of its own.

    The descriptors were parsed without knowing the extension, so the option is
    among the unknown fields; parsing them again with it brings it out.
    """
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(descriptor_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(code_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    # Untyped: the classes exist at run time only.
    extension: Any = pool.FindExtensionByName(EXTENSION)
    message_factory.GetMessageClass(extension.message_type)
    options_class = message_factory.GetMessageClass(pool.FindMessageTypeByName(OPTIONS))
    details: dict[str, _Detail] = {}
    for value in enum.value:
        options = options_class.FromString(value.options.SerializeToString())
        if not options.HasExtension(extension):
            message = f"{value.name} has no detail"
            raise CatalogueError(message)
        details[value.name] = options.Extensions[extension]
    return details


def _entry(name: str, number: int, comment: str, detail: _Detail, advice: Mapping[int, str]) -> Entry:
    return Entry(
        name=name,
        number=number,
        comment=comment,
        message=detail.message,
        metadata_keys=tuple(detail.metadata_keys),
        grpc_code=detail.grpc_code,
        grpc_name=code_pb2.Code.Name(detail.grpc_code),
        http_status=detail.http_status,
        rest_key=detail.rest_key,
        retry=advice[detail.retry],
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
