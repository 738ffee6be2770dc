"""The base of every exception of the client, and what it carries."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Final

from promo.client.reasons import Reason, Retry

UNAVAILABLE: Final = 14
DEADLINE_EXCEEDED: Final = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Violation:
    """One field of a request that was refused, and why."""

    field: str
    """Path of the field. Example: "order.items[0].quantity"."""
    description: str
    """What is wrong with it."""


class PromoError(Exception):
    """A call that did not do what it was asked for.

    Catch a subclass of promo.client.exceptions where one reason, or one kind of
    failure, matters; this class catches all of them.
    """

    catalogued_reason: ClassVar[Reason | None] = None
    """The reason that the class stands for; None for a class of a gRPC status."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        reason_name: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
        retry_after: float | None = None,
        call_id: str | None = None,
    ) -> None:
        """Keep what the answer said."""
        super().__init__(message)
        self.message = message
        """The server's words; for logs, not for shoppers."""
        self.status = status
        """Number of the gRPC status."""
        self.reason = self.catalogued_reason
        """The reason; None when none was given or this client does not know it."""
        self.reason_name = reason_name
        """The reason as it was sent, also when a newer server has sent it."""
        self.metadata: Mapping[str, str] = MappingProxyType(dict(metadata or {}))
        """What the message speaks of; keys per reason never disappear."""
        self.violations = tuple(violations)
        """Every refused field, when the request itself is wrong."""
        self.retry_after = retry_after
        """Seconds after which the call may succeed, when the server said so."""
        self.call_id = call_id
        """The server's id of the call, as its log has it."""
        self.request_id: str | None = None
        """`request_id` that the call was made with: sending the same request
        with it again repeats the call without doing anything twice."""
        self.origin: Exception | None = None
        """What the transport raised, gRPC's own exception for one; a traceback shows
        this exception alone."""

    @property
    def retry(self) -> Retry:
        """Whether the same call may succeed later, by the catalogue."""
        if self.reason is not None:
            return self.reason.detail.retry
        # A server behind the same proxy may be newer, or none may be there at
        # all: then the status decides.
        if self.status in {UNAVAILABLE, DEADLINE_EXCEEDED}:
            return Retry.SAME_REQUEST
        return Retry.NEVER

    def __str__(self) -> str:
        """Return reason and message in one line."""
        return f"{self.reason_name}: {self.message}" if self.reason_name else self.message
