"""Metadata of any JSON type in an engine whose metadata is text.

A text is kept as it is, so that every client reads it; anything else is kept as
its JSON. A text that reads as JSON would come back as something else and is
therefore kept in quotes. `unpack(pack(x)) == x` for every JSON object.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


def pack(values: Mapping[str, Any] | None) -> dict[str, str]:
    """Return what the engine keeps."""
    return {name: _text(value) for name, value in (values or {}).items()}


def unpack(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the values as they came."""
    return {name: _value(text) for name, text in texts.items()}


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, str) and not _is_json(value):
        return value
    return msgspec.json.encode(value).decode()


def _value(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
