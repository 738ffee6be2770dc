"""The import of codes that exist already, chunk by chunk, into one campaign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class ImportState(StrEnum):
    """How an import stands."""

    RUNNING = "running"
    FINISHED = "finished"
    ABORTING = "aborting"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class CodeImport:
    """One import. Rows count from 0.

    `next_row` is the first row that was not taken in. `first_position` is that of the first code; accepted ones follow
    each other. `stored_count` is how many of them the store is known to have, so that an import that was interrupted
    goes on there. `source` names what is imported, as the caller says it.
    """

    id: str
    project_id: str
    campaign_id: str
    campaign_number: int
    state: ImportState
    source: str
    first_position: int
    create_ms: int
    next_row: int = 0
    accepted_count: int = 0
    refused_count: int = 0
    stored_count: int = 0
    end_ms: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing else may add codes to the campaign."""
        return self.state in {ImportState.RUNNING, ImportState.ABORTING}


@dataclass(frozen=True, slots=True)
class NewRows:
    """Codes of consecutive rows of an import, from `first_row` on."""

    import_id: str
    first_row: int
    codes: Sequence[str]


@dataclass(frozen=True, slots=True)
class LateCodes:
    """Codes of an import that was aborted, at consecutive positions, of which nobody knows when the store gets them."""

    ended: CodeImport
    first_position: int
    codes: Sequence[str]


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not taken in: the code as far as it can be shown, and why."""

    row: int
    code: str
    reason: str
    problem: str
