"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How a check ended. Only a failure makes `promo doctor` fail."""

    OK = "ok"
    NOTE = "note"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `next_step` says what to do where something is to be done."""

    check: str
    severity: Severity
    detail: str
    next_step: str = ""


def ok(check: str, detail: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding(check, Severity.OK, detail)


def note(check: str, detail: str, next_step: str = "") -> Finding:
    """Return a finding to know about."""
    return Finding(check, Severity.NOTE, detail, next_step)


def failed(check: str, detail: str, next_step: str) -> Finding:
    """Return a finding that keeps the server from working."""
    return Finding(check, Severity.FAILED, detail, next_step)
