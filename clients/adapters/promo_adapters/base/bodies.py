"""Reads a request's body, no more of it than allowed and no longer than allowed."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from promo_adapters.base.problems import Problem

_MOST_DIGITS = 18
"""Of a length that is worth reading."""


async def read_body(request: Request, most_bytes: int, seconds: float) -> bytes:
    """Return the body.

    Raises Problem with 413 when it is too large, with 408 when it does not
    arrive in time, with 415 when it is compressed.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "unsupported_media_type", "send the body uncompressed", close=True)
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and (len(announced) > _MOST_DIGITS or int(announced) > most_bytes):
        raise _too_large(most_bytes)
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.stream():
                size += len(piece)
                if size > most_bytes:
                    raise _too_large(most_bytes)
                pieces.append(piece)
    except TimeoutError:
        raise Problem(408, "timeout", f"the body did not arrive within {seconds:g} s", close=True) from None
    except ClientDisconnect:
        raise Problem(400, "invalid_payload", "the body ended early", close=True) from None
    return b"".join(pieces)


def _too_large(most_bytes: int) -> Problem:
    # What is still on its way is not worth reading.
    return Problem(413, "payload_too_large", f"the body has more than {most_bytes} bytes", close=True)
