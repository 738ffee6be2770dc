"""CodeService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
from google.longrunning import operations_pb2

from promo.v1 import code_service_pb2, code_service_pb2_grpc
from promo_server.domain.paging import encode_token
from promo_server.rpc import identity
from promo_server.rpc.mapping import codes as mapping
from promo_server.rpc.mapping.campaigns import campaign_name
from promo_server.rpc.mapping.checks import Checks
from promo_server.services.code_batches import CodeBatches
from promo_server.services.export_codes import ExportCodes

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]


class CodeServicer(code_service_pb2_grpc.CodeServiceServicer):
    """Issues and exports codes."""

    def __init__(self, batches: CodeBatches, export: ExportCodes) -> None:
        """Keep the use cases."""
        self._batches = batches
        self._export = export

    async def CreateCodeBatch(
        self,
        request: code_service_pb2.CreateCodeBatchRequest,
        _context: Context,
    ) -> operations_pb2.Operation:
        campaign, count, repeat = mapping.new_batch(request)
        dry_run = request.validate_only
        operation = await self._batches.create(identity.current(), campaign, count, repeat, validate_only=dry_run)
        return mapping.operation(operation, dry_run=dry_run)

    async def ListCodeBatches(
        self,
        request: code_service_pb2.ListCodeBatchesRequest,
        _context: Context,
    ) -> code_service_pb2.ListCodeBatchesResponse:
        caller = identity.current()
        name = campaign_name(request.campaign)
        scope = f"{caller.project}/{name}"
        page = Checks().page("code_batches", scope, request.page_size, request.page_token)
        found = await self._batches.page(caller, name, page)
        return code_service_pb2.ListCodeBatchesResponse(
            code_batches=[mapping.batch(batch) for batch in found.rows],
            next_page_token=encode_token("code_batches", scope, found.last),
        )

    async def ExportCodes(
        self,
        request: code_service_pb2.ExportCodesRequest,
        _context: Context,
    ) -> AsyncIterator[code_service_pb2.ExportCodesResponse]:
        async for piece in self._export(identity.current(), mapping.export_request(request)):
            yield code_service_pb2.ExportCodesResponse(
                chunk=piece.chunk,
                done_count=piece.done_count,
                total_count=piece.total_count,
                resume_token=piece.resume_token,
            )
