"""Timestamps and durations as milliseconds."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from promo_server.rpc.mapping.checks import Checks

_NANOS = 1_000_000_000
_FIRST_SECOND = -62_135_596_800  # 0001-01-01
_LAST_SECOND = 253_402_300_799  # 9999-12-31
_LONGEST_SECONDS = 315_576_000_000  # 10,000 years, protobuf's own bound


def timestamp(milliseconds: int) -> Timestamp:
    """Return a time."""
    return Timestamp(seconds=milliseconds // 1000, nanos=milliseconds % 1000 * 1_000_000)


def duration(milliseconds: int) -> Duration:
    """Return a length of time."""
    return Duration(seconds=milliseconds // 1000, nanos=milliseconds % 1000 * 1_000_000)


def milliseconds_of_time(checks: Checks, field: str, value: Timestamp) -> int:
    """Return a time as milliseconds since 1970; finer parts are cut off."""
    if not _FIRST_SECOND <= value.seconds <= _LAST_SECOND or not 0 <= value.nanos < _NANOS:
        checks.add(field, "is not a time between the years 1 and 9999")
        return 0
    return value.seconds * 1000 + value.nanos // 1_000_000


def milliseconds_of_duration(checks: Checks, field: str, value: Duration) -> int:
    """Return a length of time as milliseconds; finer parts are cut off, negative ones refused."""
    if not 0 <= value.seconds <= _LONGEST_SECONDS or not 0 <= value.nanos < _NANOS:
        checks.add(field, "is not a positive length of time")
        return 0
    return value.seconds * 1000 + value.nanos // 1_000_000
