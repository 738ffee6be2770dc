"""JSON answers."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

_encode = msgspec.json.Encoder().encode


def json_answer(body: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer that no proxy keeps: two customers may ask with the same words."""
    return Response(
        _encode(body),
        status,
        {"cache-control": "no-store", **(headers or {})},
        # Some platforms take JSON without a charset for Latin-1.
        media_type="application/json; charset=utf-8",
    )
