"""Code batches, exports and operations."""

from __future__ import annotations

from google.longrunning import operations_pb2

from promo.v1 import code_batch_pb2, code_service_pb2
from promo_server.domain.campaign import CodeBatch
from promo_server.domain.errors import DomainError
from promo_server.domain.layout import MAXIMUM_CODES
from promo_server.domain.operation import Operation, OperationState
from promo_server.domain.reasons import Reason
from promo_server.domain.requests import Repeat
from promo_server.rpc import status
from promo_server.rpc.mapping import times
from promo_server.rpc.mapping.checks import Checks
from promo_server.rpc.mapping.repeats import repeat_of
from promo_server.services.export_codes import ExportRequest

_PREFIX = "operations/"
_CANCELLED = 1
_NAME_BYTES = 128
_LARGEST = 2**62


def new_batch(request: code_service_pb2.CreateCodeBatchRequest) -> tuple[str, int, Repeat]:
    """Return campaign, count and repeat key."""
    checks = Checks()
    repeat = repeat_of("CreateCodeBatch", request, checks)
    checks.text("campaign", request.campaign, _NAME_BYTES, required=True)
    checks.number("code_count", request.code_count, 1, MAXIMUM_CODES)
    checks.finish()
    return request.campaign, request.code_count, repeat


def export_request(request: code_service_pb2.ExportCodesRequest) -> ExportRequest:
    """Return which codes are asked for."""
    checks = Checks()
    checks.text("campaign", request.campaign, _NAME_BYTES, required=True)
    checks.number("first_position", request.first_position, 0, _LARGEST)
    checks.number("code_count", request.code_count, 0, _LARGEST)
    checks.text("resume_token", request.resume_token, 256)
    checks.finish()
    return ExportRequest(request.campaign, request.first_position, request.code_count, request.resume_token)


def batch(value: CodeBatch) -> code_batch_pb2.CodeBatch:
    """Return the message of a batch."""
    return code_batch_pb2.CodeBatch(
        id=value.id,
        campaign_id=value.campaign_id,
        code_count=value.code_count,
        first_position=value.first_position,
        create_time=times.timestamp(value.create_ms),
    )


def operation_id(name: str) -> str:
    """Return the id in an operation's name."""
    # A NUL is in no id, and SQL takes none.
    if not name.startswith(_PREFIX) or len(name) > _NAME_BYTES or "\x00" in name:
        raise DomainError(Reason.OPERATION_NOT_FOUND, operation=name[:_NAME_BYTES])
    return name.removeprefix(_PREFIX)


def operation(value: Operation, *, dry_run: bool = False) -> operations_pb2.Operation:
    """Return the message of an operation; a dry run's has no name, since nothing of it is kept."""
    message = operations_pb2.Operation(name="" if dry_run else _PREFIX + value.id, done=value.done)
    message.metadata.Pack(
        code_service_pb2.CodeBatchProgress(
            campaign_id=value.campaign_id,
            done_count=value.done_count,
            total_count=value.total_count,
        ),
    )
    match value.state:
        case OperationState.SUCCEEDED if value.batch is not None:
            message.response.Pack(batch(value.batch))
        case OperationState.FAILED:
            reason = Reason[value.failure_reason]
            message.error.CopyFrom(status.build(reason, dict(value.failure_metadata)))
        case OperationState.CANCELLED:
            message.error.code = _CANCELLED
            message.error.message = "the operation was cancelled"
        case OperationState.RUNNING | OperationState.SUCCEEDED:
            pass
    return message
