"""Values that several objects share: times, durations, ids."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

_DAY: Final = 86_400
_HOUR: Final = 3_600
_MINUTE: Final = 60


def instant(moment: Timestamp) -> str:
    """Return a time as "2022-09-30T16:30:32.924Z"."""
    return moment.ToDatetime().isoformat(timespec="milliseconds") + "Z"


def iso_duration(length: Duration) -> str:
    """Return a length of time as "P2D", "PT1H30M"."""
    days, rest = divmod(length.seconds, _DAY)
    hours, rest = divmod(rest, _HOUR)
    minutes, seconds = divmod(rest, _MINUTE)
    date = f"{days}D" if days else ""
    time = "".join(f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if count)
    return f"P{date}T{time}" if time else f"P{date or '0D'}"


def tracking_id(given: str | None) -> str | None:
    """Return what callers are shown of a tracking id, which is not the id itself; None when none was given."""
    if not given:
        return None
    digest = hashlib.sha256(given.encode("utf-8", "replace")).digest()[:16]
    return f"track_{base64.b64encode(digest).decode()}"
