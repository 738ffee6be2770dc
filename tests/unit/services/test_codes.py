from __future__ import annotations

import asyncio
import itertools

import pytest
from support.control_plane import ControlPlane, caller_of

from promo_server.domain.errors import DomainError
from promo_server.domain.layout import CodeLayout
from promo_server.domain.operation import OperationState
from promo_server.domain.paging import Page
from promo_server.domain.reasons import Reason
from promo_server.domain.requests import Repeat
from promo_server.services import export_codes
from promo_server.services.export_codes import ExportRequest, Piece

pytestmark = pytest.mark.asyncio

STORED = CodeLayout(length=4)


async def export(plane: ControlPlane, request: ExportRequest) -> list[Piece]:
    return [piece async for piece in plane.use_cases.export_codes(plane.caller, request)]


def codes_of(pieces: list[Piece]) -> list[str]:
    return b"".join(piece.chunk for piece in pieces).decode().splitlines()


async def test_an_export_has_every_code_once_and_the_same_bytes_again(plane: ControlPlane) -> None:
    campaign = await plane.campaign(code_count=70_000)
    first = await export(plane, ExportRequest(campaign.name))
    codes = codes_of(first)
    assert len(codes) == len(set(codes)) == 70_000
    assert [piece.done_count for piece in first][-1] == first[-1].total_count == 70_000
    assert len(first) > 1
    assert codes_of(await export(plane, ExportRequest(campaign.id))) == codes


async def test_an_export_of_parts_is_the_whole(plane: ControlPlane) -> None:
    campaign = await plane.campaign(code_count=1_000)
    await plane.campaign(code_count=500)
    await plane.use_cases.code_batches.create(plane.caller, campaign.id, 500, Repeat("t"))
    whole = codes_of(await export(plane, ExportRequest(campaign.id)))
    assert len(set(whole)) == 1_500
    parts = [
        codes_of(await export(plane, ExportRequest(campaign.id, first, count)))
        for first, count in ((0, 700), (700, 500), (1_200, 0))
    ]
    assert list(itertools.chain(*parts)) == whole
    assert codes_of(await export(plane, ExportRequest(campaign.id, 2_000))) == []


@pytest.mark.parametrize(("layout", "count"), [(CodeLayout(), 100_000), (STORED, 20_000)])
async def test_a_broken_export_goes_on_where_it_stopped(plane: ControlPlane, layout: CodeLayout, count: int) -> None:
    campaign = await plane.campaign(code_count=count, layout=layout)
    whole = codes_of(await export(plane, ExportRequest(campaign.id)))
    stream = plane.use_cases.export_codes(plane.caller, ExportRequest(campaign.id))
    first = await anext(stream)
    await plane.use_cases.code_batches.create(plane.caller, campaign.id, 10, Repeat("t"))
    rest = await export(plane, ExportRequest(campaign.id, resume_token=first.resume_token))
    assert codes_of([first, *rest]) == whole
    assert {piece.total_count for piece in rest} == {count}


async def test_the_token_of_another_export_is_refused(plane: ControlPlane) -> None:
    campaign, other = await plane.campaign(), await plane.campaign()
    token = (await export(plane, ExportRequest(other.id)))[0].resume_token
    for wrong in (token, "x", "%%%", token[:-4]):
        with pytest.raises(DomainError) as refused:
            await export(plane, ExportRequest(campaign.id, resume_token=wrong))
        assert refused.value.reason is Reason.RESUME_TOKEN_INVALID


@pytest.mark.parametrize("layout", [CodeLayout(), STORED], ids=("computed", "stored"))
async def test_a_forged_token_makes_no_endless_export(plane: ControlPlane, layout: CodeLayout) -> None:
    campaign = await plane.campaign(layout=layout)
    binding = export_codes._binding(campaign, ExportRequest(campaign.id))
    for position, total in ((1_000, 2**40), (0, 2**40), (2**63, 2**63), (0, 2**64 - 1), (2**62, 2**63 - 1)):
        token = export_codes._encode(binding, export_codes._Progress(position, 0, total))
        with pytest.raises(DomainError) as refused:
            await export(plane, ExportRequest(campaign.id, resume_token=token))
        assert refused.value.reason is Reason.RESUME_TOKEN_INVALID


async def test_a_batch_of_computed_codes_is_there_at_once(plane: ControlPlane) -> None:
    campaign = await plane.campaign()
    operation = await plane.use_cases.code_batches.create(plane.caller, campaign.id, 5_000, Repeat("t"))
    assert operation.batch is not None
    assert (operation.batch.first_position, operation.batch.code_count) == (1_000, 5_000)
    found = await plane.use_cases.read_campaigns.get(plane.caller, campaign.id)
    assert found.code_count == 6_000
    batches = await plane.use_cases.code_batches.page(plane.caller, campaign.id, Page(10, None))
    assert [batch.first_position for batch in batches.rows] == [0, 1_000]


async def test_a_batch_of_stored_codes_is_drawn_in_the_background(plane: ControlPlane) -> None:
    campaign = await plane.campaign(layout=STORED, code_count=10)
    operation = await plane.use_cases.code_batches.create(plane.caller, campaign.id, 2_000, Repeat("t"))
    assert operation.state is OperationState.RUNNING
    ended = await plane.use_cases.operations.wait(plane.caller, operation.id, 30)
    assert ended.state is OperationState.SUCCEEDED
    assert len(set(codes_of(await export(plane, ExportRequest(campaign.id))))) == 2_010


async def test_a_cancelled_operation_leaves_nothing(plane: ControlPlane) -> None:
    campaign = await plane.campaign(layout=STORED, code_count=10)
    operation = await plane.use_cases.code_batches.create(plane.caller, campaign.id, 100_000, Repeat("t"))
    await asyncio.sleep(0.05)
    await plane.use_cases.operations.cancel(plane.caller, operation.id)
    ended = await plane.use_cases.operations.get(plane.caller, operation.id)
    assert ended.state is OperationState.CANCELLED
    assert len(codes_of(await export(plane, ExportRequest(campaign.id)))) == 10
    await plane.use_cases.operations.delete(plane.caller, operation.id)
    with pytest.raises(DomainError) as refused:
        await plane.use_cases.operations.get(plane.caller, operation.id)
    assert refused.value.reason is Reason.OPERATION_NOT_FOUND


async def test_an_operation_of_a_server_that_died_is_resumed(plane: ControlPlane) -> None:
    campaign = await plane.campaign(layout=STORED, code_count=10)
    operation = await plane.use_cases.code_batches.create(plane.caller, campaign.id, 1_000, Repeat("t"))
    await plane.use_cases.runner.stop()
    assert await plane.use_cases.runner.resume() == 1
    ended = await plane.use_cases.operations.wait(plane.caller, operation.id, 30)
    assert ended.state is OperationState.SUCCEEDED


async def test_operations_of_another_project_are_unknown(plane: ControlPlane) -> None:
    campaign = await plane.campaign()
    operation = await plane.use_cases.code_batches.create(plane.caller, campaign.id, 1, Repeat("t"))
    with pytest.raises(DomainError) as refused:
        await plane.use_cases.operations.get(caller_of("other"), operation.id)
    assert refused.value.reason is Reason.OPERATION_NOT_FOUND


@pytest.mark.parametrize("error", [DomainError(Reason.CONFLICT), ZeroDivisionError()])
async def test_an_operation_whose_codes_cannot_be_published_yet_has_succeeded(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    campaign = await plane.campaign(layout=STORED, code_count=10)

    async def fails(*_arguments: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(plane.use_cases.publisher._store, "put_stored_codes", fails)
        operation = await plane.use_cases.code_batches.create(plane.caller, campaign.id, 20, Repeat("t"))
        await plane.use_cases.operations.wait(plane.caller, operation.id, 30)
        while plane.use_cases.runner._tasks:
            await asyncio.sleep(0.01)
    ended = await plane.use_cases.operations.get(plane.caller, operation.id)
    assert ended.state is OperationState.SUCCEEDED
    assert plane.failed == ([] if isinstance(error, DomainError) else [error])
    assert await plane.use_cases.publisher.publish() > 0
