"""More codes for a campaign, and all of its codes as a stream."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

from google.longrunning import operations_proto_pb2 as operations

from promo.client import methods, status
from promo.client.calls import Caller
from promo.client.errors import PromoError
from promo.client.page import Page
from promo.client.paging import Listing, listing
from promo.client.pieces import ExportPiece, report, result
from promo.client.waiting import sleep
from promo.v1.code_batch_pb2 import CodeBatch
from promo.v1.code_service_pb2 import (
    CodeBatchProgress,
    CreateCodeBatchRequest,
    ExportCodesRequest,
    GetVerificationKeyRequest,
    ListCodeBatchesRequest,
)

FIRST_POLL_SECONDS: Final = 0.05
LONGEST_POLL_SECONDS: Final = 2.0
BATCH_SECONDS: Final = 600.0


class Codes:
    """Issues and exports codes. `client.codes`."""

    def __init__(self, caller: Caller) -> None:
        """Call through `caller`."""
        self._caller = caller

    async def create_batch(
        self,
        campaign: str,
        code_count: int,
        *,
        request_id: str = "",
        validate_only: bool = False,
        on_progress: Callable[[CodeBatchProgress], None] | None = None,
        timeout: float = BATCH_SECONDS,
    ) -> CodeBatch:
        """Return the batch once all of its codes can be used.

        Raises CodeSpaceTooSmall, and DeadlineExceededError when it is not done
        in time: the server goes on, and the same call with the same
        `request_id` waits for it again. With `validate_only` no code is made,
        and the batch that is returned has no id.
        """
        deadline = time.monotonic() + timeout
        request = CreateCodeBatchRequest(
            campaign=campaign, code_count=code_count, request_id=request_id, validate_only=validate_only
        )
        operation = await self._caller.unary(methods.CREATE_CODE_BATCH, request, self._within(deadline))
        if validate_only:
            return CodeBatch(code_count=code_count)
        delay = FIRST_POLL_SECONDS
        while not operation.done:
            report(operation, on_progress)
            if time.monotonic() + delay >= deadline:
                message = f"{operation.name} is not done after {timeout:.1f} s"
                raise status.deadline_exceeded(message)
            await sleep(delay)
            delay = min(delay * 2, LONGEST_POLL_SECONDS)
            operation = await self._caller.unary(
                methods.GET_OPERATION,
                operations.GetOperationRequest(name=operation.name),
                self._within(deadline),
            )
        report(operation, on_progress)
        return result(operation)

    def list_batches(
        self,
        campaign: str,
        *,
        page_size: int = 100,
        page_token: str = "",
        timeout: float | None = None,
    ) -> Listing[CodeBatch]:
        """Return the batches of a campaign, oldest first; `timeout` is that of each page."""
        return listing(
            self._caller,
            methods.LIST_CODE_BATCHES,
            lambda token: ListCodeBatchesRequest(campaign=campaign, page_size=page_size, page_token=token),
            lambda answer: Page(answer.code_batches, answer.next_page_token),
            page_token=page_token,
            timeout=timeout,
        )

    async def export(
        self,
        campaign: str,
        *,
        first_position: int = 0,
        code_count: int = 0,
        resume_token: str = "",
        idle_timeout: float | None = None,
    ) -> AsyncGenerator[ExportPiece, None]:
        """Yield the codes of a campaign in pieces, always the same ones.

        A stream that breaks, or stands still for `idle_timeout` seconds, is
        continued where it was. It fails only when that brings no further piece
        in as many attempts as the retry policy has. `code_count` 0 means all.
        """
        request = ExportCodesRequest(
            campaign=campaign,
            first_position=first_position,
            code_count=code_count,
            resume_token=resume_token,
        )
        attempt = 0
        while True:
            attempt += 1
            stream = self._caller.stream(methods.EXPORT_CODES, request, idle_timeout=idle_timeout)
            try:
                # A consumer that stops early ends the server's work at once.
                async with aclosing(stream) as pieces:
                    async for piece in pieces:
                        attempt = 0
                        request.resume_token = piece.resume_token
                        yield ExportPiece(piece.chunk, piece.done_count, piece.total_count, piece.resume_token)
            except PromoError as error:
                delay = self._caller.retry.delay(max(attempt, 1), error, repeatable=True)
                if delay is None:
                    raise
                await sleep(delay)
            else:
                return

    async def verification_key(self, campaign: str, *, timeout: float | None = None) -> bytes:
        """Return the secret that tells offline whether a code was issued, a JSON document. Raises CampaignNotFound."""
        request = GetVerificationKeyRequest(campaign=campaign)
        return (await self._caller.unary(methods.GET_VERIFICATION_KEY, request, timeout)).document

    def _within(self, deadline: float) -> float:
        """Return the time of one call of several that share a deadline."""
        remaining = deadline - time.monotonic()
        return max(min(remaining, self._caller.timeouts.managed), FIRST_POLL_SECONDS)
