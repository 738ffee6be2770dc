"""What Braze takes in one `/users/track` request, and what it says otherwise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

ARRAYS: Final = ("attributes", "events", "purchases")
MOST_BODY_BYTES: Final = 4 * 1024 * 1024
_MOST_PROPERTIES_BYTES: Final = 50_000
_MOST_CHARACTERS: Final = 255
_IDENTITIES: Final = ("external_id", "user_alias", "braze_id", "email", "phone")

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BatchLimit:
    """How many objects a request may have: 75 over all arrays, 50 on some contracts, 75 in each on old ones."""

    objects: int = 75
    per_array: bool = False

    def allows(self, arrays: dict[str, list[Any]]) -> bool:
        """Return whether a request is small enough."""
        sizes = [len(objects) for objects in arrays.values()]
        return (max(sizes) if self.per_array else sum(sizes)) <= self.objects


class FatalError(Exception):
    """A request of which nothing is taken."""

    def __init__(self, status: int, message: str) -> None:
        """Answer with `status` and `message`."""
        super().__init__(message)
        self.status = status
        self.message = message


def parse(body: bytes, limit: BatchLimit) -> dict[str, list[Any]]:
    """Return the arrays of a request. Raises FatalError."""
    if len(body) > MOST_BODY_BYTES:
        raise FatalError(413, "Request Entity Too Large")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise FatalError(400, "Invalid JSON") from None
    if not isinstance(document, dict):
        raise FatalError(400, "The request must be an object")
    arrays = {name: document.get(name, []) for name in ARRAYS}
    if not all(isinstance(objects, list) for objects in arrays.values()):
        raise FatalError(400, "attributes, events and purchases must be arrays")
    if not any(arrays.values()):
        raise FatalError(400, "You must provide at least one of attributes, events or purchases")
    if not limit.allows(arrays):
        raise FatalError(400, "Max Input Length Exceeded")
    return arrays


def problem(array: str, one: Any) -> str | None:  # noqa: ANN401 - JSON
    """Return why an object is not taken; None when it is."""
    if not isinstance(one, dict):
        return "The object is no object"
    if not any(one.get(name) for name in _IDENTITIES):
        return "The object has no external_id, user_alias, braze_id, email or phone"
    return _event_problem(one) if array == "events" else None


def _event_problem(event: Document) -> str | None:
    name, properties = event.get("name"), event.get("properties", {})
    if not isinstance(name, str) or not 0 < len(name) <= _MOST_CHARACTERS:
        return "The event has no name of 1 to 255 characters"
    try:
        datetime.fromisoformat(str(event.get("time")))
    except ValueError:
        return "The event's time is not ISO 8601"
    if not isinstance(properties, dict):
        return "The event's properties are no object"
    if len(json.dumps(properties)) > _MOST_PROPERTIES_BYTES:
        return "The event's properties are larger than 50 KB"
    long = any(isinstance(value, str) and len(value) > _MOST_CHARACTERS for value in properties.values())
    return "A property is longer than 255 characters" if long else None
