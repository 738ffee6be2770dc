"""Codes that callers give, in place of those that are computed or drawn."""

from __future__ import annotations

from promo_server.domain.errors import FieldsInvalidError, Violation

LONGEST_CODE = 128
"""Bytes of the longest code that a checkout may send."""

_REPLACED = "\ufffd"
"""What decoders put in place of bytes that are no text."""


def problem_of(code: str) -> str | None:
    """Return what is wrong with a code, None when it can be one."""
    if code.isalnum() and code.isascii() and len(code) <= LONGEST_CODE:
        return None
    size = len(code.encode(errors="surrogatepass"))
    problems = (
        (not code, "is empty"),
        (size > LONGEST_CODE, f"has {size} bytes, at most {LONGEST_CODE} are allowed"),
        # A look-up cuts off what is around a code, so it would never be found.
        (code != code.strip(), "begins or ends with a space"),
        (_REPLACED in code, "has bytes that are no UTF-8"),
        (not code.isprintable(), "has a character that cannot be printed"),
    )
    return next((problem for wrong, problem in problems if wrong), None)


def require_code(field: str, code: str) -> None:
    """Refuse a code that cannot be one, as a violation of `field`."""
    problem = problem_of(code)
    if problem is not None:
        raise FieldsInvalidError((Violation(field, problem),))
