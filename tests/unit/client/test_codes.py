"""Export and batches: progress, resumption, waiting."""

from __future__ import annotations

import pytest
from google.longrunning import operations_proto_pb2 as operations
from support.scripted_server import Hang, ScriptedServer, refusal

from promo.client import PromoClient, Reason, exceptions, methods
from promo.v1.code_batch_pb2 import CodeBatch
from promo.v1.code_service_pb2 import CodeBatchProgress, ExportCodesResponse, ListCodeBatchesResponse

pytestmark = pytest.mark.asyncio

STORE_DOWN = refusal(Reason.STORE_UNAVAILABLE)


def piece(number: int, total: int = 4) -> ExportCodesResponse:
    return ExportCodesResponse(
        chunk=f"CODE{number}\n".encode(),
        done_count=number,
        total_count=total,
        resume_token=f"after-{number}",
    )


async def test_a_broken_export_continues_where_it_was(server: ScriptedServer, client: PromoClient) -> None:
    server.script(
        methods.EXPORT_CODES,
        [piece(1), piece(2), STORE_DOWN],
        [STORE_DOWN],
        [piece(3), piece(4)],
    )
    pieces = [received async for received in client.codes.export("spring")]
    assert [code for received in pieces for code in received.codes] == ["CODE1", "CODE2", "CODE3", "CODE4"]
    assert [(received.done_count, received.total_count) for received in pieces] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    tokens = [request.resume_token for request in server.requests(methods.EXPORT_CODES)]
    assert tokens == ["", "after-2", "after-2"]


async def test_an_export_that_stands_still_is_continued(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.EXPORT_CODES, [piece(1, 2), Hang()], [piece(2, 2)])
    pieces = [received async for received in client.codes.export("spring", idle_timeout=0.1)]
    assert [received.done_count for received in pieces] == [1, 2]


async def test_an_export_without_progress_fails_after_the_attempts_of_the_policy(
    server: ScriptedServer,
    client: PromoClient,
) -> None:
    server.script(methods.EXPORT_CODES, [STORE_DOWN])
    with pytest.raises(exceptions.StoreUnavailable):
        [received async for received in client.codes.export("spring")]
    assert len(server.calls[methods.EXPORT_CODES.path]) == 4


async def test_a_refused_export_is_not_retried(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.EXPORT_CODES, [refusal(Reason.RESUME_TOKEN_INVALID)])
    with pytest.raises(exceptions.ResumeTokenInvalid):
        [received async for received in client.codes.export("spring", resume_token="other")]
    assert len(server.calls[methods.EXPORT_CODES.path]) == 1


def operation(done_count: int, *, done: bool = False) -> operations.Operation:
    made = operations.Operation(name="operations/1", done=done)
    made.metadata.Pack(CodeBatchProgress(done_count=done_count, total_count=10))
    if done:
        made.response.Pack(CodeBatch(id="cb_1", code_count=10))
    return made


async def test_create_batch_waits_until_the_codes_exist_and_reports_progress(
    server: ScriptedServer,
    client: PromoClient,
) -> None:
    server.script(methods.CREATE_CODE_BATCH, operation(0))
    server.script(methods.GET_OPERATION, operation(5), operation(10, done=True))
    seen: list[int] = []
    batch = await client.codes.create_batch("spring", 10, on_progress=lambda now: seen.append(now.done_count))
    assert batch.id == "cb_1"
    assert seen == [0, 5, 10]


async def test_a_failed_batch_raises_its_reason(server: ScriptedServer, client: PromoClient) -> None:
    failed = operations.Operation(name="operations/1", done=True, error=refusal(Reason.CODE_SPACE_TOO_SMALL).status)
    server.script(methods.CREATE_CODE_BATCH, failed)
    with pytest.raises(exceptions.CodeSpaceTooSmall):
        await client.codes.create_batch("spring", 10)


async def test_a_batch_that_takes_too_long_raises_and_can_be_waited_for_again(
    server: ScriptedServer,
    client: PromoClient,
) -> None:
    server.script(methods.CREATE_CODE_BATCH, operation(0), operation(10, done=True))
    server.script(methods.GET_OPERATION, operation(5))
    with pytest.raises(exceptions.DeadlineExceededError):
        await client.codes.create_batch("spring", 10, request_id="mine", timeout=0.2)
    batch = await client.codes.create_batch("spring", 10, request_id="mine")
    assert batch.id == "cb_1"


async def test_a_list_is_walked_to_its_last_page(server: ScriptedServer, client: PromoClient) -> None:
    server.script(
        methods.LIST_CODE_BATCHES,
        ListCodeBatchesResponse(code_batches=[CodeBatch(id="cb_1")], next_page_token="two"),
        ListCodeBatchesResponse(code_batches=[CodeBatch(id="cb_2")]),
    )
    assert [batch.id async for batch in client.codes.list_batches("spring")] == ["cb_1", "cb_2"]
    assert [request.page_token for request in server.requests(methods.LIST_CODE_BATCHES)] == ["", "two"]
