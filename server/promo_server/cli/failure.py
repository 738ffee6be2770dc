"""Failures in the words of the person at the terminal: what is wrong and what to do next."""

from __future__ import annotations

import errno

from promo.client import PromoError
from promo.client.reasons import Reason

_UNAVAILABLE = 14


class CommandError(Exception):
    """A command that cannot go on; the text ends with the next step."""


def explain(error: Exception) -> str:
    """Return one line for a failure."""
    if isinstance(error, PromoError):
        return _explain_answer(error)
    if isinstance(error, OSError):
        if error.errno == errno.EADDRINUSE:
            return f"{error.strerror}: another server listens there; choose another address with --listen"
        return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
    return " ".join(str(error).split())


def _explain_answer(error: PromoError) -> str:
    message = error.message.rstrip(".")
    match error.reason:
        case Reason.CREDENTIALS_MISSING | Reason.CREDENTIALS_INVALID:
            return f"{message}; set PROMO_KEY=id:token to a key that the server knows"
        case Reason.SCOPE_MISSING:
            return f"{message}; use a key with another role"
        case None if error.status == _UNAVAILABLE:
            return f"no server answers ({message}); start one with: promo serve"
        case _:
            details = "".join(f"; {violation.field} {violation.description}" for violation in error.violations)
            return message + details
