"""Sessions: holds with a time."""

from __future__ import annotations

import math
from typing import Final

from google.protobuf.duration_pb2 import Duration

from promo.v1.session_pb2 import Session, SessionRequest
from promo_adapters.base.problems import Problem
from promo_adapters.rest import models

_NANOSECONDS: Final = {
    "DAYS": 86_400 * 10**9,
    "HOURS": 3_600 * 10**9,
    "MINUTES": 60 * 10**9,
    "SECONDS": 10**9,
    "MILLISECONDS": 10**6,
    "MICROSECONDS": 10**3,
    "NANOSECONDS": 1,
}
_DEFAULT_TTL: Final = 7.0
_DEFAULT_UNIT: Final = "DAYS"
_LONGEST_DAYS: Final = 30


def to_session_request(given: models.Session | None) -> SessionRequest | None:
    """Return the hold that a validation asks for; one without a time gets seven days.

    Raises Problem for a time that is not one, or longer than thirty days.
    """
    if given is None:
        return None
    ttl, unit = _ttl(given)
    nanoseconds = ttl * _NANOSECONDS[unit]
    if not (math.isfinite(ttl) and 0 < nanoseconds <= _LONGEST_DAYS * _NANOSECONDS["DAYS"]):
        raise Problem(400, "invalid_payload", f"Property .session.ttl should be a time of up to {_LONGEST_DAYS} days")
    seconds, rest = divmod(round(nanoseconds), _NANOSECONDS["SECONDS"])
    return SessionRequest(key=given.key or "", ttl=Duration(seconds=seconds, nanos=rest))


def session_object(session: Session, given: models.Session | None) -> dict[str, object]:
    """Return a hold with the time that was asked for."""
    ttl, unit = _ttl(given or models.Session())
    return {"key": session.key, "type": "LOCK", "ttl": int(ttl) if ttl.is_integer() else ttl, "ttl_unit": unit}


def _ttl(given: models.Session) -> tuple[float, str]:
    """Return the time and its unit; no time at all is no hold without an end."""
    if not given.ttl:
        return _DEFAULT_TTL, _DEFAULT_UNIT
    return given.ttl, given.ttl_unit or _DEFAULT_UNIT
