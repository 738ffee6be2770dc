"""The API key of a request."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from promo_adapters.base.problems import Problem

_HOW = "send the id of the key as X-App-Id and its token as X-App-Token, or both as HTTP basic authentication"


def api_key(headers: Mapping[str, str]) -> str:
    """Return the key, "id:token", that the headers carry.

    Raises Problem with 401 when there is none. Whether it opens anything is for
    the engine to say.
    """
    key_id, token = headers.get("x-app-id", ""), headers.get("x-app-token", "")
    if not key_id and not token:
        key_id, token = _basic(headers.get("authorization", ""))
    # The engine reads the pair from a header: there is no other way to spell it.
    if not (key_id and token and ":" not in key_id and f"{key_id}{token}".isascii() and token.isprintable()):
        raise Problem(401, "unauthorized", _HOW)
    return f"{key_id}:{token}"


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    key_id, _, token = text.partition(":")
    return key_id, token
