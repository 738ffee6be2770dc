"""Refusals of the control plane as values that travel in one exception type."""

from __future__ import annotations

from dataclasses import dataclass

from promo_server.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class Violation:
    """One field of a request that cannot be taken as it is.

    `field` is the path as the caller wrote it, for example `campaign.limits.per_code`.
    """

    field: str
    problem: str


class DomainError(Exception):
    """A refusal with its reason of the catalogue; `metadata` fills the reason's message.

    The rpc layer turns it into a status. Nothing else of the exception reaches the caller.
    """

    def __init__(self, reason: Reason, /, **metadata: object) -> None:
        """Keep the reason and its metadata, every value as text."""
        super().__init__(reason.name)
        self.reason = reason
        self.metadata = {key: str(value) for key, value in metadata.items()}
        self.violations: tuple[Violation, ...] = ()


class FieldsInvalidError(DomainError):
    """The refusal of a malformed request: FIELD_INVALID, or another reason about fields, with every violation."""

    def __init__(self, violations: tuple[Violation, ...], reason: Reason = Reason.FIELD_INVALID) -> None:
        """Name the first violation in the metadata and carry them all."""
        first = violations[0]
        super().__init__(reason, field=first.field, problem=first.problem)
        self.violations = violations
