"""What an HTTP caller is told when something was not done.

The body has the form of Voucherify's errors. Status and key come from the
catalogue of reasons; what nobody foresaw is answered without detail.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Final

from promo.client import PromoError, Reason
from promo.client.reasons import Retry

_TITLES: Final[Mapping[str, str]] = {
    "already_rolled_back": "Already rolled back",
    "duplicate_source_id": "Duplicate source_id",
    "duplicated_redeemables": "Duplicated redeemables detected",
    "internal_error": "Internal error",
    "invalid_customer": "Invalid customer",
    "invalid_order": "Invalid order",
    "invalid_payload": "Invalid payload",
    "invalid_query_params": "Invalid query params",
    "invalid_redeemables": "Invalid redeemables",
    "invalid_redemption": "Invalid redemption",
    "invalid_redemption_parent": "Invalid redemption parent",
    "missing_amount": "Missing amount",
    "missing_customer": "Missing customer",
    "missing_order": "Missing order",
    "missing_vouchers": "Missing vouchers",
    "no_voucher_suitable_for_publication": "Couldn't find any voucher suitable for publication",
    "not_found": "Resource not found",
    "order_rules_violated": "order does not match validation rules",
    "quantity_exceeded": "quantity exceeded",
    "redemption_rules_violated": "redemption does not match validation rules",
    "too_many_vouchers_requested": "Too many vouchers requested",
    "unauthorized": "Unauthorized",
    "voucher_cannot_be_published": "Voucher cannot be published",
    "voucher_disabled": "voucher is disabled",
    "voucher_expired": "voucher expired",
    "voucher_not_active": "voucher is not active yet",
    "voucher_not_active_now": "voucher not active now",
}
"""`message` of a key, where it is more than the key in words."""

_RESOURCES: Final = (
    ("code", "voucher"),
    ("redemption", "redemption"),
    ("publication", "publication"),
    ("session", "session"),
    ("campaign", "campaign"),
)
"""Metadata of a reason that names what it is about, and the type of that; the first one present counts."""

_STATUSES: Final[Mapping[int, int]] = {
    3: 400,
    4: 504,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    14: 503,
    16: 401,
}
"""HTTP status by gRPC status, for failures whose reason this version does not know."""

_KEYS_WITHOUT_REASON: Final[Mapping[int, str]] = {503: "service_unavailable", 504: "timeout"}
_INTERNAL: Final = 500
_RETRY_SECONDS: Final = 1


class Problem(Exception):  # noqa: N818 - it is what the caller is told, not how the program failed
    """An answer that is an error."""

    def __init__(
        self,
        status: int,
        key: str,
        details: str = "",
        *,
        resource: tuple[str, str] | None = None,
        retry_after: int | None = None,
        close: bool = False,
    ) -> None:
        """Answer with `status` and `key`.

        `resource` is id and type of what the problem is with, `retry_after` is in
        seconds, and `close` ends the connection.
        """
        super().__init__(f"{status} {key}: {details}")
        self.status = status
        self.key = key
        self.details = details
        self.resource = resource
        self.retry_after = retry_after
        self.close = close

    def headers(self) -> dict[str, str]:
        """Return the headers that belong to it."""
        headers = {}
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        if self.close:
            headers["connection"] = "close"
        return headers


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """Why a reason of the catalogue keeps something from being done."""

    reason: Reason
    message: str
    metadata: Mapping[str, str]

    def body(self, request_id: str) -> dict[str, object]:
        """Return the error object."""
        detail = self.reason.detail
        return error_body(detail.http_status, detail.rest_key, self.message, _resource(self.metadata), request_id)


def error_body(
    status: int,
    key: str,
    details: str,
    resource: tuple[str, str] | None,
    request_id: str,
) -> dict[str, object]:
    """Return the error object; what is not known is left out."""
    body: dict[str, object] = {"code": status, "key": key, "message": _title(key)}
    if details:
        body["details"] = details
    body["request_id"] = request_id
    if resource is not None:
        body["resource_id"], body["resource_type"] = resource
    return body


def problem_body(problem: Problem, request_id: str) -> dict[str, object]:
    """Return the body of an answer that is an error."""
    return error_body(problem.status, problem.key, problem.details, problem.resource, request_id)


def from_error(error: PromoError) -> Problem:
    """Return what the caller is told of a call that failed."""
    status, key = _status_and_key(error)
    if status == _INTERNAL:
        return Problem(status, "internal_error")
    return Problem(
        status,
        key,
        # Without a reason the text is the network's, which is nobody's business.
        _details(error) if error.reason_name else "",
        resource=_resource(error.metadata),
        retry_after=_retry_after(error, status),
    )


def _status_and_key(error: PromoError) -> tuple[int, str]:
    if error.reason is not None:
        return error.reason.detail.http_status, error.reason.detail.rest_key
    status = _STATUSES.get(error.status, _INTERNAL)
    if error.reason_name:
        return status, error.reason_name.lower()
    known = _KEYS_WITHOUT_REASON.get(status)
    return (status, known) if known else (_INTERNAL, "internal_error")


def _details(error: PromoError) -> str:
    if error.violations:
        return "; ".join(f"{violation.field}: {violation.description}" for violation in error.violations)
    return error.message


def _retry_after(error: PromoError, status: int) -> int | None:
    if error.retry_after is not None:
        return max(_RETRY_SECONDS, math.ceil(error.retry_after))
    waits = error.retry is not Retry.NEVER or status in _KEYS_WITHOUT_REASON
    return _RETRY_SECONDS if waits else None


def _resource(metadata: Mapping[str, str]) -> tuple[str, str] | None:
    return next(((metadata[name], kind) for name, kind in _RESOURCES if metadata.get(name)), None)


def _title(key: str) -> str:
    return _TITLES.get(key) or key.replace("_", " ").capitalize()
