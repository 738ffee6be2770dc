"""Refusals as gRPC statuses with `ErrorInfo` and `BadRequest`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from promo_server.domain.errors import DomainError, Violation
from promo_server.domain.reasons import REASON_DETAILS, Reason

DOMAIN = "promo"

_LONGEST_VALUE = 256
"""Longest text that is given back of what a caller sent, in bytes."""

_MOST_VIOLATIONS = 16
_LONGEST_VIOLATION = 96
"""Most fields that one answer names, and the longest text about one, in bytes: the numbers of the data plane."""


def message_of(reason: Reason, metadata: Mapping[str, str]) -> str:
    """Return the reason's message with its metadata filled in; a key without a value stays as it is written."""
    text = REASON_DETAILS[reason].message
    for key, value in metadata.items():
        text = text.replace(f"{{{key}}}", value)
    return text


def status_of(error: DomainError) -> status_pb2.Status:
    """Return the status of a refusal."""
    return build(error.reason, error.metadata, error.violations)


def build(reason: Reason, metadata: Mapping[str, str], violations: Sequence[Violation] = ()) -> status_pb2.Status:
    """Return a status with the details that fit.

    It travels in trailers, of which clients accept a few KiB: texts are cut, and of many violations the first are told.
    """
    metadata = {key: _cut(value, _LONGEST_VALUE) for key, value in metadata.items()}
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=reason.name, domain=DOMAIN, metadata=metadata)]
    if violations:
        bad_request = error_details_pb2.BadRequest()
        for violation in violations[:_MOST_VIOLATIONS]:
            bad_request.field_violations.add(
                field=_cut(violation.field, _LONGEST_VIOLATION),
                description=_cut(violation.problem, _LONGEST_VIOLATION),
            )
        if more := len(violations) - len(bad_request.field_violations):
            bad_request.field_violations.add(field="request", description=f"has {more} more problems")
        details.append(bad_request)
    status = status_pb2.Status(code=REASON_DETAILS[reason].grpc_code, message=message_of(reason, metadata))
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _cut(text: str, longest: int) -> str:
    encoded = text.encode()
    return text if len(encoded) <= longest else encoded[:longest].decode(errors="ignore") + "…"
