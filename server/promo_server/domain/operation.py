"""Long-running work on the codes of a campaign."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from promo_server.domain.campaign import CodeBatch
from promo_server.domain.errors import DomainError


class OperationState(StrEnum):
    """What has become of an operation."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Operation:
    """One request for codes. `batch` is there once it succeeded, `failure` once it failed, `end_ms` once it ended."""

    id: str
    project_id: str
    campaign_id: str
    state: OperationState
    total_count: int
    done_count: int
    create_ms: int
    end_ms: int | None = None
    batch: CodeBatch | None = None
    failure_reason: str = ""
    failure_metadata: tuple[tuple[str, str], ...] = ()

    @property
    def done(self) -> bool:
        """Whether the operation has come to its end."""
        return self.state is not OperationState.RUNNING


def failure_of(error: DomainError) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return reason name and metadata of a refusal in the form that an operation keeps."""
    return error.reason.name, tuple(sorted(error.metadata.items()))
