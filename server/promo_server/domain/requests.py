"""What makes a call repeatable."""

from __future__ import annotations

from dataclasses import dataclass

KEPT_FOR_MS = 24 * 60 * 60 * 1000
"""How long the answer to a request id is kept."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """The caller's request id for one method; the same id with another `body_hash` is another request.

    An empty `request_id` means that the caller does not want to repeat the call.
    """

    method: str
    request_id: str = ""
    body_hash: bytes = b""
