"""Turns a google.rpc.Status into the exception of its reason."""

from __future__ import annotations

from typing import Final, TypeVar

from google.protobuf.any_pb2 import Any as PackedMessage
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from promo.client import exceptions
from promo.client.errors import DEADLINE_EXCEEDED, PromoError, Violation
from promo.client.reasons import Reason

DOMAIN: Final = "promo"
CALL_ID_KEY: Final = "promo-call-id"
DETAILS_KEY: Final = "grpc-status-details-bin"
UNKNOWN: Final = 2

Detail = TypeVar("Detail", bound=Message)


def parse(encoded: bytes | None, code: int, message: str) -> status_pb2.Status:
    """Return the rich status, or a plain one where the answer has none.

    Proxies and gRPC itself fail calls without details, and details that do not
    decode must not hide the failure that they came with.
    """
    if encoded is not None:
        try:
            return status_pb2.Status.FromString(encoded)
        except DecodeError:
            pass
    return status_pb2.Status(code=code, message=message)


def to_error(status: status_pb2.Status, call_id: str | None = None) -> PromoError:
    """Return the exception of the status's reason, or else of its code."""
    info = _detail(status, error_details_pb2.ErrorInfo)
    name = info.reason if info is not None and info.domain == DOMAIN else ""
    reason = Reason.__members__.get(name)
    if reason is not None:
        error_class = exceptions.BY_REASON[reason]
    else:
        error_class = exceptions.BY_STATUS.get(status.code, exceptions.BY_STATUS[UNKNOWN])
    metadata = dict(info.metadata) if info is not None else {}
    bad_request = _detail(status, error_details_pb2.BadRequest)
    violations = bad_request.field_violations if bad_request is not None else ()
    retry_info = _detail(status, error_details_pb2.RetryInfo)
    return error_class(
        status.message,
        status=status.code,
        reason_name=name,
        metadata=metadata,
        violations=[Violation(entry.field, entry.description) for entry in violations],
        retry_after=(retry_info.retry_delay.ToTimedelta().total_seconds() if retry_info is not None else None),
        # A defect names the call in its metadata, on any transport.
        call_id=call_id or metadata.get("request"),
    )


def deadline_exceeded(message: str) -> PromoError:
    """Return the exception of a deadline that passed on this side."""
    return exceptions.DeadlineExceededError(message, status=DEADLINE_EXCEEDED)


def _detail(status: status_pb2.Status, kind: type[Detail]) -> Detail | None:
    """Return the first detail of this type that decodes."""
    for packed in status.details:
        found = _unpack(packed, kind)
        if found is not None:
            return found
    return None


def _unpack(packed: PackedMessage, kind: type[Detail]) -> Detail | None:
    message = kind()
    try:
        return message if packed.Unpack(message) else None
    except DecodeError:
        return None
