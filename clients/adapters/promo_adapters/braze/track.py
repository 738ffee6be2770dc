"""One request to Braze's `/users/track`, and what its answer means for each object."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
import msgspec

from promo_adapters.base.queue import Entry
from promo_adapters.braze.objects import ObjectKind, kind_of, request_body

_TOO_MANY: Final = 429
_NOTE_CHARACTERS: Final = 200
_REFUSED_SENDER: Final = frozenset({401, 403, 404})
"""The key, its permissions or the endpoint are wrong: every object would be refused, and none is to blame."""
_LONGEST_RESET_SECONDS: Final = 3_600.0


class Ending(enum.Enum):
    """What became of a request."""

    ACKNOWLEDGED = "acknowledged"
    """Braze has the objects; none of them is ever sent again by itself."""
    THROTTLED = "throttled"
    """Too many requests: the same again, later."""
    FAILED = "failed"
    """No answer, or Braze has trouble: the same again, later."""
    LOCKED_OUT = "locked out"
    """The key or the endpoint is wrong: the same again, when somebody has corrected it."""
    REFUSED = "refused"
    """At least one object makes the request unacceptable; none was taken."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Braze said."""

    ending: Ending
    note: str = ""
    """Why, for people."""
    wait_seconds: float = 0.0
    """How long Braze wants to be left alone, from X-RateLimit-Reset."""
    refused: Mapping[int, str] = field(default_factory=dict)
    """After an acknowledgement: ids of entries that were not taken, and why."""
    unclear: bool = False
    """After an acknowledgement: Braze named errors but not the objects."""


class Tracker:
    """Sends requests to one Braze workspace."""

    def __init__(self, client: httpx2.AsyncClient, endpoint: str, key: str, partner: str) -> None:
        """Send through `client`, which has the timeout; `partner` names whose events they are."""
        self._client = client
        self._url = f"{endpoint.rstrip('/')}/users/track"
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self._partner = partner

    async def send(self, entries: Sequence[Entry], now_ms: int) -> Answer:
        """Send entries in one request; never raises for what Braze or the network does."""
        body = request_body(entries, self._partner)
        try:
            response = await self._client.post(self._url, content=body, headers=self._headers, follow_redirects=False)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return Answer(Ending.FAILED, f"no answer: {type(error).__name__}")
        return _answer(response, entries, now_ms)


def _answer(response: httpx2.Response, entries: Sequence[Entry], now_ms: int) -> Answer:
    status, document = response.status_code, _document(response.content)
    note = f"{status} {document.get('message') or ''}".strip()[:_NOTE_CHARACTERS]
    if response.is_success:
        refused, unclear = _minor_errors(document, entries)
        exhausted = response.headers.get("x-ratelimit-remaining") == "0"
        wait = _until_reset(response.headers, now_ms) if exhausted else 0.0
        return Answer(Ending.ACKNOWLEDGED, note, wait, refused, unclear)
    if status == _TOO_MANY:
        return Answer(Ending.THROTTLED, note, _until_reset(response.headers, now_ms))
    if status in _REFUSED_SENDER:
        return Answer(Ending.LOCKED_OUT, note)
    if response.is_client_error and status != httpx2.codes.REQUEST_TIMEOUT:
        return Answer(Ending.REFUSED, note)
    return Answer(Ending.FAILED, note)


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _until_reset(headers: Mapping[str, str], now_ms: int) -> float:
    """Return the seconds until X-RateLimit-Reset, which is in seconds since 1970."""
    try:
        seconds = float(headers.get("x-ratelimit-reset", "")) - now_ms / 1000
    except ValueError:
        return 0.0
    # Not a number compares as false and becomes 0; a clock that is far off must not stop everything for days.
    return min(seconds, _LONGEST_RESET_SECONDS) if seconds > 0 else 0.0


def _minor_errors(document: Mapping[str, Any], entries: Sequence[Entry]) -> tuple[dict[int, str], bool]:
    """Return the objects that a partly successful answer names, and whether it has errors that name none.

    The form of an error is not documented; {"type", "input_array", "index"} is what is seen.
    """
    errors = document.get("errors")
    if not errors:
        return {}, False
    arrays = {kind.value: [entry for entry in entries if kind_of(entry) is kind] for kind in ObjectKind}
    refused: dict[int, str] = {}
    unclear = not isinstance(errors, list)
    for error in errors if isinstance(errors, list) else ():
        array = arrays.get(str(error.get("input_array")), []) if isinstance(error, dict) else []
        index = error.get("index") if isinstance(error, dict) else None
        if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(array):
            refused[array[index].id] = str(error.get("type") or "refused")[:_NOTE_CHARACTERS]
        else:
            unclear = True
    return refused, unclear
