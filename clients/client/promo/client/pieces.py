"""What an export brings, and what becomes of a batch of codes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from google.longrunning import operations_proto_pb2 as operations

from promo.client import exceptions, status
from promo.v1.code_batch_pb2 import CodeBatch
from promo.v1.code_service_pb2 import CodeBatchProgress


@dataclasses.dataclass(frozen=True, slots=True)
class ExportPiece:
    """Some codes of an export, and how far it is."""

    chunk: bytes
    """Whole lines, each a code and a line feed, ready to be written."""
    done_count: int
    """Codes up to and with this piece."""
    total_count: int
    """Codes that were asked for."""
    resume_token: str
    """Continues after this piece, also in another process."""

    @property
    def codes(self) -> list[str]:
        """The codes of this piece."""
        return self.chunk.decode().splitlines()


def report(operation: operations.Operation, on_progress: Callable[[CodeBatchProgress], None] | None) -> None:
    """Tell how far the operation is, where it says so and anybody wants to know."""
    progress = CodeBatchProgress()
    if on_progress is not None and operation.metadata.Unpack(progress):
        on_progress(progress)


def result(operation: operations.Operation) -> CodeBatch:
    """Return the batch of an operation that is done, or raise what ended it."""
    if operation.HasField("error"):
        raise status.to_error(operation.error)
    batch = CodeBatch()
    if not operation.response.Unpack(batch):
        message = f"{operation.name} has no code batch in its response"
        raise exceptions.InternalStatusError(message, status=13)
    return batch
