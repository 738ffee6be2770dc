"""Refusals as gRPC statuses with `ErrorInfo` and `BadRequest`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from promo_server.domain.errors import DomainError, Violation
from promo_server.domain.reasons import REASON_DETAILS, Reason

DOMAIN = "promo"


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
    """Return a status with the details that fit."""
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=reason.name, domain=DOMAIN, metadata=metadata)]
    if violations:
        bad_request = error_details_pb2.BadRequest()
        for violation in violations:
            bad_request.field_violations.add(field=violation.field, description=violation.problem)
        details.append(bad_request)
    status = status_pb2.Status(code=REASON_DETAILS[reason].grpc_code, message=message_of(reason, metadata))
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status
