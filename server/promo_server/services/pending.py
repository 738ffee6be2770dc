"""Definitions that changed in SQL and that the store does not have yet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class PendingKind(IntEnum):
    """What is to be published, in the order in which it must be.

    The project's bundle makes codes known, so what it leads to comes first.
    """

    STORED_CODES = 1
    CAMPAIGN = 2
    PROJECT = 3
    API_KEY = 4


@dataclass(frozen=True, slots=True)
class Pending:
    """One change. `target` names the campaign by number, the stored codes by `number:first:count`, the key by id.

    `revision` becomes another one when the target changes again before it was published.
    """

    kind: PendingKind
    project_id: str
    target: str = ""
    revision: int = 0


def project(project_id: str) -> Pending:
    """Return the change of a project's bundle."""
    return Pending(PendingKind.PROJECT, project_id)


def campaign(project_id: str, number: int) -> Pending:
    """Return the change of a campaign's bundle."""
    return Pending(PendingKind.CAMPAIGN, project_id, str(number))


def api_key(project_id: str, key_id: str) -> Pending:
    """Return the change of a key."""
    return Pending(PendingKind.API_KEY, project_id, key_id)


def stored_codes(project_id: str, number: int, first_position: int, count: int) -> Pending:
    """Return the arrival of stored codes of a campaign."""
    return Pending(PendingKind.STORED_CODES, project_id, f"{number}:{first_position}:{count}")
