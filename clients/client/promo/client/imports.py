"""Codes that exist already, taken in chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence

from promo.client import methods
from promo.client.calls import Caller
from promo.client.page import Page
from promo.client.paging import Listing, listing
from promo.v1.code_service_pb2 import (
    AbortImportRequest,
    AppendImportRequest,
    AppendImportResponse,
    CodeImport,
    FinishImportRequest,
    GetImportRequest,
    ListRefusedRowsRequest,
    RefusedRow,
    StartImportRequest,
)


class Imports:
    """Imports codes. `client.imports`.

    Start one, append every row in order, finish it; none of the codes can be
    used before. Whoever was interrupted goes on with row `next_row`.
    """

    def __init__(self, caller: Caller) -> None:
        """Call through `caller`."""
        self._caller = caller

    async def start(
        self,
        campaign: str,
        *,
        source: str = "",
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> CodeImport:
        """Return a new import into a campaign with stored codes; `source` names what is imported.

        Raises CampaignNotFound, ImportInProgress.
        """
        request = StartImportRequest(
            campaign=campaign, source=source, request_id=request_id, validate_only=validate_only
        )
        return await self._caller.unary(methods.START_IMPORT, request, timeout)

    async def get(self, import_id: str, *, timeout: float | None = None) -> CodeImport:
        """Return an import. Raises ImportNotFound."""
        return await self._caller.unary(methods.GET_IMPORT, GetImportRequest(id=import_id), timeout)

    async def append(
        self,
        import_id: str,
        first_row: int,
        codes: Sequence[str],
        *,
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> AppendImportResponse:
        """Take up to 50,000 rows in, and return the import and those of the rows that were refused.

        Rows that were taken in before are answered again. Raises ImportNotFound, ImportEnded.
        """
        request = AppendImportRequest(
            id=import_id, first_row=first_row, codes=codes, request_id=request_id, validate_only=validate_only
        )
        return await self._caller.unary(methods.APPEND_IMPORT, request, timeout)

    async def finish(
        self,
        import_id: str,
        *,
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> CodeImport:
        """Return the import, whose accepted codes can be used now. Raises ImportNotFound, ImportEnded."""
        request = FinishImportRequest(id=import_id, request_id=request_id, validate_only=validate_only)
        return await self._caller.unary(methods.FINISH_IMPORT, request, timeout)

    async def abort(
        self,
        import_id: str,
        *,
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> CodeImport:
        """Return the import, whose codes were forgotten. Raises ImportNotFound, ImportEnded."""
        request = AbortImportRequest(id=import_id, request_id=request_id, validate_only=validate_only)
        return await self._caller.unary(methods.ABORT_IMPORT, request, timeout)

    def refused_rows(
        self,
        import_id: str,
        *,
        page_size: int = 1_000,
        page_token: str = "",
        timeout: float | None = None,
    ) -> Listing[RefusedRow]:
        """Return the rows that were refused, ascending; `timeout` is that of each page. Raises ImportNotFound."""
        return listing(
            self._caller,
            methods.LIST_REFUSED_ROWS,
            lambda token: ListRefusedRowsRequest(id=import_id, page_size=page_size, page_token=token),
            lambda answer: Page(answer.refused_rows, answer.next_page_token),
            page_token=page_token,
            timeout=timeout,
        )
