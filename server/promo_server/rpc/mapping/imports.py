"""Imports of codes."""

from __future__ import annotations

from promo.v1 import code_service_pb2
from promo_server.domain.code_import import CodeImport, ImportState, NewRows, RefusedRow
from promo_server.domain.paging import Page
from promo_server.domain.requests import Repeat
from promo_server.rpc.mapping import times
from promo_server.rpc.mapping.campaigns import campaign_name
from promo_server.rpc.mapping.checks import Checks
from promo_server.rpc.mapping.repeats import repeat_of

LIST = "refused_rows"
_ID_BYTES = 64
_SOURCE_BYTES = 128
_MOST_ROWS = 50_000
_LAST_ROW = 2**50
_STATES = {
    ImportState.RUNNING: code_service_pb2.IMPORT_STATE_RUNNING,
    ImportState.FINISHED: code_service_pb2.IMPORT_STATE_FINISHED,
    ImportState.ABORTING: code_service_pb2.IMPORT_STATE_ABORTING,
    ImportState.ABORTED: code_service_pb2.IMPORT_STATE_ABORTED,
}


def start_request(request: code_service_pb2.StartImportRequest) -> tuple[str, str, Repeat]:
    """Return the campaign's name, the source and the repeat key."""
    checks = Checks()
    repeat = repeat_of("StartImport", request, checks)
    checks.text("source", request.source, _SOURCE_BYTES)
    checks.finish()
    return campaign_name(request.campaign), request.source, repeat


def import_id(value: str) -> str:
    """Return the id of an import that a request gives."""
    checks = Checks()
    checks.text("id", value, _ID_BYTES, required=True)
    checks.finish()
    return value


def end_request(
    method: str,
    request: code_service_pb2.FinishImportRequest | code_service_pb2.AbortImportRequest,
) -> tuple[str, Repeat]:
    """Return the id of the import to finish or abort, and the repeat key."""
    checks = Checks()
    repeat = repeat_of(method, request, checks)
    checks.text("id", request.id, _ID_BYTES, required=True)
    checks.finish()
    return request.id, repeat


def append_request(request: code_service_pb2.AppendImportRequest) -> tuple[NewRows, Repeat]:
    """Return the rows, and the repeat key."""
    checks = Checks()
    repeat = repeat_of("AppendImport", request, checks)
    checks.text("id", request.id, _ID_BYTES, required=True)
    checks.number("first_row", request.first_row, 0, _LAST_ROW)
    if not 1 <= len(request.codes) <= _MOST_ROWS:
        checks.add("codes", f"has {len(request.codes)} entries, 1 to {_MOST_ROWS} are allowed")
    checks.finish()
    return NewRows(request.id, request.first_row, list(request.codes)), repeat


def page_request(request: code_service_pb2.ListRefusedRowsRequest, project_id: str) -> tuple[str, Page, str]:
    """Return the id of the import, the page and what its tokens are bound to."""
    id_ = import_id(request.id)
    scope = f"{project_id}/{id_}"
    return id_, Checks().page(LIST, scope, request.page_size, request.page_token), scope


def code_import(value: CodeImport) -> code_service_pb2.CodeImport:
    """Return the message of an import."""
    return code_service_pb2.CodeImport(
        id=value.id,
        campaign_id=value.campaign_id,
        state=_STATES[value.state],
        source=value.source,
        next_row=value.next_row,
        accepted_count=value.accepted_count,
        refused_count=value.refused_count,
        create_time=times.timestamp(value.create_ms),
    )


def refused(row: RefusedRow) -> code_service_pb2.RefusedRow:
    """Return the message of a refused row."""
    return code_service_pb2.RefusedRow(row=row.row, code=row.code, reason=row.reason, problem=row.problem)
