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
from promo_server.rpc.mapping import imports
from promo_server.rpc.mapping.campaigns import campaign_name
from promo_server.rpc.mapping.checks import Checks
from promo_server.services.code_batches import CodeBatches
from promo_server.services.export_codes import ExportCodes
from promo_server.services.import_codes import ImportCodes
from promo_server.services.verification_keys import VerificationKeys

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]


class CodeServicer(code_service_pb2_grpc.CodeServiceServicer):
    """Issues and exports codes."""

    def __init__(
        self,
        batches: CodeBatches,
        export: ExportCodes,
        imports: ImportCodes,
        keys: VerificationKeys,
    ) -> None:
        """Keep the use cases."""
        self._batches = batches
        self._export = export
        self._imports = imports
        self._keys = keys

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

    async def GetVerificationKey(
        self,
        request: code_service_pb2.GetVerificationKeyRequest,
        _context: Context,
    ) -> code_service_pb2.VerificationKey:
        document = await self._keys(identity.current(), campaign_name(request.campaign))
        return code_service_pb2.VerificationKey(document=document)

    async def StartImport(
        self,
        request: code_service_pb2.StartImportRequest,
        _context: Context,
    ) -> code_service_pb2.CodeImport:
        campaign, source, repeat = imports.start_request(request)
        dry_run = request.validate_only
        new = await self._imports.start(identity.current(), campaign, source, repeat, validate_only=dry_run)
        return imports.code_import(new)

    async def GetImport(
        self,
        request: code_service_pb2.GetImportRequest,
        _context: Context,
    ) -> code_service_pb2.CodeImport:
        return imports.code_import(await self._imports.get(identity.current(), imports.import_id(request.id)))

    async def AppendImport(
        self,
        request: code_service_pb2.AppendImportRequest,
        _context: Context,
    ) -> code_service_pb2.AppendImportResponse:
        rows, repeat = imports.append_request(request)
        caller, dry_run = identity.current(), request.validate_only
        current, refused = await self._imports.append(caller, rows, repeat, validate_only=dry_run)
        return code_service_pb2.AppendImportResponse(
            code_import=imports.code_import(current),
            refused_rows=map(imports.refused, refused),
        )

    async def FinishImport(
        self,
        request: code_service_pb2.FinishImportRequest,
        _context: Context,
    ) -> code_service_pb2.CodeImport:
        id_, repeat = imports.end_request("FinishImport", request)
        caller, dry_run = identity.current(), request.validate_only
        return imports.code_import(await self._imports.finish(caller, id_, repeat, validate_only=dry_run))

    async def AbortImport(
        self,
        request: code_service_pb2.AbortImportRequest,
        _context: Context,
    ) -> code_service_pb2.CodeImport:
        id_, repeat = imports.end_request("AbortImport", request)
        caller, dry_run = identity.current(), request.validate_only
        return imports.code_import(await self._imports.abort(caller, id_, repeat, validate_only=dry_run))

    async def ListRefusedRows(
        self,
        request: code_service_pb2.ListRefusedRowsRequest,
        _context: Context,
    ) -> code_service_pb2.ListRefusedRowsResponse:
        caller = identity.current()
        id_, page, scope = imports.page_request(request, caller.project)
        found = await self._imports.refused(caller, id_, page)
        return code_service_pb2.ListRefusedRowsResponse(
            refused_rows=map(imports.refused, found.rows),
            next_page_token=encode_token(imports.LIST, scope, found.last),
        )
