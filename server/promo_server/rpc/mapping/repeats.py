"""The repeat key of a request: its id, and a hash of everything else."""

from __future__ import annotations

import hashlib
from typing import Protocol, TypeVar, cast

from google.protobuf.message import Message

from promo_server.domain.requests import Repeat
from promo_server.rpc.mapping.checks import Checks


class _Repeatable(Protocol):
    request_id: str


Request = TypeVar("Request", bound="Message")


def repeat_of(method: str, request: Request, checks: Checks) -> Repeat:
    """Return the repeat key of a request.

    `validate_only` is left out of the hash, so that a dry run fails exactly when the real call would.
    """
    request_id = checks.request_id(cast("_Repeatable", request).request_id)
    canonical = type(request)()
    canonical.CopyFrom(request)
    canonical.ClearField("request_id")
    if "validate_only" in canonical.DESCRIPTOR.fields_by_name:
        canonical.ClearField("validate_only")
    body_hash = hashlib.sha256(canonical.SerializeToString(deterministic=True)).digest()
    return Repeat(method, request_id, body_hash)
