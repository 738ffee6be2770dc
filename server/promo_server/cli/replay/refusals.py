"""Which failures of a call are answers to a shopper, and which end a replay."""

from __future__ import annotations

from promo.client import PromoError, Reason
from promo.v1 import reason_pb2

_INVALID_ARGUMENT = 3
_NOT_FOUND = 5
_FAILED_PRECONDITION = 9
_ANSWERS = frozenset((_INVALID_ARGUMENT, _NOT_FOUND, _FAILED_PRECONDITION))


def refusal(error: PromoError) -> str:
    """Return the reason of a refusal; raise what is none: a wrong key, a server that does not answer, a defect."""
    if error.reason is not None and (error.status in _ANSWERS or error.reason is Reason.CODE_GUESSING):
        return error.reason.name
    raise error


def name_of(reason: reason_pb2.Reason.ValueType) -> str:
    """Return the name of a reason in an answer, as ErrorInfo spells it."""
    return reason_pb2.Reason.Name(reason).removeprefix("REASON_")
