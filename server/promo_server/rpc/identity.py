"""Who calls, as the edge has established it.

The private socket is the only way in and only the edge can open it, so its word is taken. A call without it did not
come through the edge and is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar

from promo_server.domain.access import Caller
from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason

_CALLER: ContextVar[Caller] = ContextVar("caller")


def caller_from(metadata: Iterable[tuple[str, str | bytes]]) -> Caller:
    """Return the caller that the `promo-*` metadata names; refuse a call without them."""
    values = {key: value for key, value in metadata if isinstance(value, str)}
    key_id, project = values.get("promo-key-id", ""), values.get("promo-project", "")
    if not key_id or not project:
        raise DomainError(Reason.CREDENTIALS_MISSING)
    return Caller(
        key_id=key_id,
        project=project,
        scopes=frozenset(scope for scope in values.get("promo-scopes", "").split(",") if scope),
        admin=values.get("promo-admin") in {"1", "true"},
        call_id=values.get("promo-call-id", ""),
    )


def enter(caller: Caller) -> None:
    """Make `caller` the one of the running call; each call has a context of its own."""
    _CALLER.set(caller)


def current() -> Caller:
    """Return the caller of the running call."""
    return _CALLER.get()
