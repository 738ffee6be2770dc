"""Failures in the words of the person at the terminal: what is wrong and what to do next."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable

from promo.client import PromoError
from promo.client.reasons import Reason
from promo_server.domain.errors import DomainError
from promo_server.operator_error import OperatorError

_UNAVAILABLE = 14
_NO_GRPC = "Trying to connect an http1.x server"
"""What gRPC says of a REST port."""
_NO_TLS = "WRONG_VERSION_NUMBER"
"""What gRPC says of a port where TLS is not spoken."""


def explain(error: Exception, option_of: Callable[[str], str] = str) -> str:
    """Return one line for a failure; what nobody has foreseen goes into a file, for a report.

    `option_of` says which option set the field of a path.
    """
    if isinstance(error, OperatorError):
        return _line(str(error))
    if isinstance(error, PromoError):
        return _answer(error, option_of)
    if isinstance(error, DomainError):
        return _refusal(error)
    if isinstance(error, OSError):
        return _system(error)
    if isinstance(error, UnicodeEncodeError):
        # A shell passes any bytes on; no message can carry those.
        return f"{ascii(error.object)[1:-1]} has bytes that are no UTF-8 text; write it in UTF-8"
    with tempfile.NamedTemporaryFile("w", prefix="promo-", suffix=".log", delete=False) as file:
        traceback.print_exception(error, file=file)
    return f"internal error ({type(error).__name__}: {_line(str(error))}); please report it with {file.name}"


def _answer(error: PromoError, option_of: Callable[[str], str]) -> str:
    message = error.message.rstrip(".")
    match error.reason:
        case Reason.CREDENTIALS_MISSING | Reason.CREDENTIALS_INVALID:
            return f"{message}; set PROMO_KEY=id:token to a key that the server knows"
        case Reason.SCOPE_MISSING:
            return f"{message}; use a key with another role"
        case None if error.status == _UNAVAILABLE and _NO_GRPC in message:
            return "something answers there, but not gRPC: give the address that promo serve shows as gRPC"
        case None if error.status == _UNAVAILABLE and _NO_TLS in message:
            return "something answers there, but without TLS: unset PROMO_TLS and PROMO_TLS_CA if it is the server"
        case None if error.status == _UNAVAILABLE:
            return f"no server answers ({_line(message)}); start one with: promo serve"
        case _:
            return _line("; ".join(_problems(error, message, option_of)))


def _problems(error: PromoError, message: str, option_of: Callable[[str], str]) -> list[str]:
    """Return what is wrong, each in the words of the command line where one of its options is to blame."""
    problems = [f"{option_of(each.field)}: {each.description}" for each in error.violations]
    # The message of many a reason is the first of them, in the words of the contract.
    told = bool(error.violations) and message.startswith(f"{error.violations[0].field}: ")
    return problems if told else [message, *problems]


def _refusal(error: DomainError) -> str:
    message = error.reason.detail.message.format_map(error.metadata)
    return f"{_line(message).rstrip('.')}; promo doctor tells more"


def _system(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename else _line(str(error.strerror or error))


def _line(text: str) -> str:
    return " ".join(text.split())
