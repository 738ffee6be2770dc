from __future__ import annotations

import asyncio
import stat
from collections.abc import Awaitable

import grpc
import pytest
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import field_mask_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from support.control_plane import Served

from promo.v1 import (
    access_service_pb2,
    access_service_pb2_grpc,
    campaign_pb2,
    campaign_service_pb2,
    campaign_service_pb2_grpc,
    code_batch_pb2,
    code_service_pb2,
    code_service_pb2_grpc,
    discount_pb2,
    project_pb2,
    redemption_service_pb2,
    redemption_service_pb2_grpc,
)
from promo_server.domain.operation import Operation, OperationState
from promo_server.services.ports import DataRefusedError

pytestmark = pytest.mark.asyncio


def new_campaign(name: str = "summer", **changes: object) -> campaign_pb2.Campaign:
    percent = discount_pb2.PercentDiscount(
        basis_points=2000,
        effect=discount_pb2.DISCOUNT_EFFECT_APPLY_TO_ORDER,
        amount_limit=10_000,
    )
    values: dict[str, object] = {
        "name": name,
        "currency_code": "GBP",
        "discount": discount_pb2.Discount(percent=percent),
        "code_count": 1_000,
    }
    return campaign_pb2.Campaign(**{**values, **changes})  # type: ignore[arg-type]


async def create(served: Served, campaign: campaign_pb2.Campaign, request_id: str = "") -> campaign_pb2.Campaign:
    stub = campaign_service_pb2_grpc.CampaignServiceStub(served.channel)
    request = campaign_service_pb2.CreateCampaignRequest(campaign=campaign, request_id=request_id)
    return await stub.CreateCampaign(request, metadata=served.metadata)


async def refusal(call: Awaitable[object]) -> tuple[grpc.StatusCode, error_details_pb2.ErrorInfo, list[str]]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    status = rpc_status.from_call(refused.value)
    assert status is not None
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad_request)
    return refused.value.code(), info, [violation.field for violation in bad_request.field_violations]


async def test_only_the_owner_can_open_the_socket(served: Served) -> None:
    assert stat.S_IMODE(served.socket.stat().st_mode) == 0o600


async def test_a_campaign_comes_back_as_it_was_given(served: Served) -> None:
    given = new_campaign(description="d", join_once=True, metadata={"a": "b"})
    given.validity.start_time.seconds = 1_800_000_000
    given.validity.expire_time.seconds = 1_900_000_000
    given.validity.timeframe.interval.seconds = 86_400
    given.validity.timeframe.duration.seconds = 3_600
    given.validity.days_of_week.extend([1, 7])
    given.validity.hours.add(start_minute=60, end_minute=120, days_of_week=[2])
    given.validity.activity_after_publishing.seconds = 60
    given.limits.per_code = 1
    given.limits.discount_budget = 5_000
    created = await create(served, given)
    stub = campaign_service_pb2_grpc.CampaignServiceStub(served.channel)
    found = await stub.GetCampaign(
        campaign_service_pb2.GetCampaignRequest(campaign="summer"),
        metadata=served.metadata,
    )
    assert found == created
    assert (found.validity, found.limits, found.discount) == (given.validity, given.limits, given.discount)
    assert (found.metadata, found.enabled, found.join_once) == ({"a": "b"}, True, True)


async def test_a_repeated_request_gets_the_first_answer(served: Served) -> None:
    first = await create(served, new_campaign(), "r1")
    assert await create(served, new_campaign(), "r1") == first
    code, info, _ = await refusal(create(served, new_campaign("other"), "r1"))
    assert (code, info.reason) == (grpc.StatusCode.ABORTED, "REQUEST_ID_REUSED")


async def test_every_violation_is_listed(served: Served) -> None:
    wrong = campaign_pb2.Campaign(code_count=-1, description="x" * 2_000, metadata={"k": "v" * 2_000})
    code, info, fields = await refusal(create(served, wrong, "r" * 200))
    assert (code, info.reason, info.domain) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", "promo")
    assert set(fields) == {
        "request_id",
        "campaign.discount",
        "campaign.name",
        "campaign.currency_code",
        "campaign.code_count",
        "campaign.description",
        "campaign.metadata.k",
    }


async def test_an_update_with_a_mask_and_pages_of_a_list(served: Served) -> None:
    for number in range(3):
        await create(served, new_campaign(f"c{number}"))
    stub = campaign_service_pb2_grpc.CampaignServiceStub(served.channel)
    request = campaign_service_pb2.UpdateCampaignRequest(
        campaign=campaign_pb2.Campaign(name="c1", description="new", join_once=True),
        update_mask=field_mask_pb2.FieldMask(paths=["description"]),
    )
    changed = await stub.UpdateCampaign(request, metadata=served.metadata)
    assert (changed.description, changed.join_once) == ("new", False)
    request.update_mask.paths[:] = ["name", "limits"]
    _, _, fields = await refusal(stub.UpdateCampaign(request, metadata=served.metadata))
    assert fields == ["update_mask"]
    first = await stub.ListCampaigns(
        campaign_service_pb2.ListCampaignsRequest(page_size=2),
        metadata=served.metadata,
    )
    rest = await stub.ListCampaigns(
        campaign_service_pb2.ListCampaignsRequest(page_size=2, page_token=first.next_page_token),
        metadata=served.metadata,
    )
    assert [campaign.name for campaign in [*first.campaigns, *rest.campaigns]] == ["c2", "c1", "c0"]
    assert rest.next_page_token == ""
    access = access_service_pb2_grpc.AccessServiceStub(served.channel)
    foreign = access_service_pb2.ListProjectsRequest(page_token=first.next_page_token)
    _, info, _ = await refusal(access.ListProjects(foreign, metadata=served.metadata))
    assert info.reason == "PAGE_TOKEN_INVALID"


async def test_enable_disable_and_delete(served: Served) -> None:
    await create(served, new_campaign())
    stub = campaign_service_pb2_grpc.CampaignServiceStub(served.channel)
    disabled = await stub.DisableCampaign(
        campaign_service_pb2.DisableCampaignRequest(campaign="summer", request_id="d"),
        metadata=served.metadata,
    )
    assert disabled.enabled is False
    stale = campaign_service_pb2.EnableCampaignRequest(campaign="summer", etag="1.1")
    code, info, _ = await refusal(stub.EnableCampaign(stale, metadata=served.metadata))
    assert (code, info.metadata["etag"]) == (grpc.StatusCode.ABORTED, disabled.etag)
    delete = campaign_service_pb2.DeleteCampaignRequest(campaign="summer", request_id="x")
    await stub.DeleteCampaign(delete, metadata=served.metadata)
    await stub.DeleteCampaign(delete, metadata=served.metadata)
    gone = campaign_service_pb2.GetCampaignRequest(campaign="summer")
    code, info, _ = await refusal(stub.GetCampaign(gone, metadata=served.metadata))
    assert (code, info.reason) == (grpc.StatusCode.NOT_FOUND, "CAMPAIGN_NOT_FOUND")


async def test_codes_are_issued_as_an_operation_and_exported_as_a_stream(served: Served) -> None:
    await create(served, new_campaign())
    stub = code_service_pb2_grpc.CodeServiceStub(served.channel)
    operation = await stub.CreateCodeBatch(
        code_service_pb2.CreateCodeBatchRequest(campaign="summer", code_count=50),
        metadata=served.metadata,
    )
    operations = operations_pb2_grpc.OperationsStub(served.channel)
    name = operations_pb2.WaitOperationRequest(name=operation.name)
    waited = await operations.WaitOperation(name, metadata=served.metadata)
    batch, progress = code_batch_pb2.CodeBatch(), code_service_pb2.CodeBatchProgress()
    assert waited.response.Unpack(batch)
    assert waited.metadata.Unpack(progress)
    assert (batch.first_position, batch.code_count, progress.done_count) == (1_000, 50, 50)
    lines = b""
    async for piece in stub.ExportCodes(
        code_service_pb2.ExportCodesRequest(campaign="summer", first_position=1_000),
        metadata=served.metadata,
    ):
        lines += piece.chunk
    assert len(set(lines.splitlines())) == 50


async def test_a_stream_ends_with_a_reason_too(served: Served) -> None:
    stub = code_service_pb2_grpc.CodeServiceStub(served.channel)
    request = code_service_pb2.ExportCodesRequest(campaign="none")
    call = stub.ExportCodes(request, metadata=served.metadata)
    code, info, _ = await refusal(call.read())
    assert (code, info.reason) == (grpc.StatusCode.NOT_FOUND, "CAMPAIGN_NOT_FOUND")


async def test_a_key_is_shown_with_its_token_once(served: Served) -> None:
    stub = access_service_pb2_grpc.AccessServiceStub(served.channel)
    key = await stub.CreateApiKey(
        access_service_pb2.CreateApiKeyRequest(api_key=project_pb2.ApiKey(roles=[project_pb2.ROLE_CHECKOUT])),
        metadata=served.metadata,
    )
    assert len(key.token) >= 43
    listed = await stub.ListApiKeys(access_service_pb2.ListApiKeysRequest(), metadata=served.metadata)
    assert key.id in {one.id for one in listed.api_keys}
    assert {one.token for one in listed.api_keys} == {""}
    revoked = await stub.RevokeApiKey(access_service_pb2.RevokeApiKeyRequest(id=key.id), metadata=served.metadata)
    assert revoked.HasField("revoke_time")


async def test_a_call_that_did_not_come_through_the_edge_is_refused(served: Served) -> None:
    stub = campaign_service_pb2_grpc.CampaignServiceStub(served.channel)
    code, info, _ = await refusal(stub.ListCampaigns(campaign_service_pb2.ListCampaignsRequest()))
    assert (code, info.reason) == (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_MISSING")


async def test_a_defect_tells_the_caller_nothing_but_the_calls_id(
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(type(served.plane.use_cases.read_campaigns), "get", broken)
    stub = campaign_service_pb2_grpc.CampaignServiceStub(served.channel)
    request = campaign_service_pb2.GetCampaignRequest(campaign="x")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.GetCampaign(request, metadata=served.metadata)
    assert refused.value.code() is grpc.StatusCode.INTERNAL
    assert refused.value.details() == "internal error; quote call-7"


async def test_a_value_that_the_database_refuses_is_the_callers(
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*_arguments: object) -> None:
        raise DataRefusedError("what the database says")

    monkeypatch.setattr(type(served.plane.use_cases.read_campaigns), "get", refuse)
    stub = campaign_service_pb2_grpc.CampaignServiceStub(served.channel)
    request = campaign_service_pb2.GetCampaignRequest(campaign="x")
    code, info, fields = await refusal(stub.GetCampaign(request, metadata=served.metadata))
    assert (code, info.reason, fields) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", ["request"])
    assert "what the database says" not in str(info)


async def test_a_nul_never_reaches_the_database(served: Served) -> None:
    campaigns = campaign_service_pb2_grpc.CampaignServiceStub(served.channel)
    update = campaign_service_pb2.UpdateCampaignRequest(
        campaign=campaign_pb2.Campaign(id="a\0", name="b\0"),
        update_mask=field_mask_pb2.FieldMask(paths=["description"]),
    )
    _, info, fields = await refusal(campaigns.UpdateCampaign(update, metadata=served.metadata))
    assert (info.reason, fields) == ("FIELD_INVALID", ["campaign.id", "campaign.name"])
    keys = access_service_pb2_grpc.AccessServiceStub(served.channel)
    listing = access_service_pb2.ListApiKeysRequest(project_id="a\0")
    _, info, fields = await refusal(keys.ListApiKeys(listing, metadata=served.metadata))
    assert (info.reason, fields) == ("FIELD_INVALID", ["project_id"])


async def test_an_unknown_archived_redemption_is_not_found(served: Served) -> None:
    stub = redemption_service_pb2_grpc.RedemptionServiceStub(served.channel)
    request = redemption_service_pb2.GetRedemptionRequest(id="r_0000000000000000")
    code, info, _ = await refusal(stub.GetRedemption(request, metadata=served.metadata))
    assert (code, info.reason) == (grpc.StatusCode.NOT_FOUND, "REDEMPTION_NOT_FOUND")


async def test_the_data_plane_asks_for_archived_entries_as_bytes(served: Served) -> None:
    get_entry = served.channel.unary_unary("/promo.internal.Archive/GetEntry")
    assert await get_entry(b"r_0000000000000000", metadata=served.metadata) == b""
    assert await get_entry(b"\xff", metadata=served.metadata) == b""


async def test_a_campaign_that_grows_by_itself_does_so_once_for_callers_at_once(served: Served) -> None:
    grow = served.channel.unary_unary("/promo.internal.Codes/Grow")
    growing = await create(served, new_campaign(auto_grow=True))
    request = f"{growing.id} 1000 3".encode()
    answers = await asyncio.gather(*(grow(request, metadata=served.metadata) for _ in range(5)))
    assert answers == [b"2000"] * 5
    fixed = await create(served, new_campaign("fixed"))
    assert await grow(f"{fixed.id} 1000 3".encode(), metadata=served.metadata) == b"1000"
    code, info, _ = await refusal(grow(b"nonsense", metadata=served.metadata))
    assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")


async def test_health_needs_no_identity(served: Served) -> None:
    check = served.channel.unary_unary("/grpc.health.v1.Health/Check")
    assert await check(b"") == b"\x08\x01"


async def test_an_operation_of_a_name_that_no_id_has_is_not_found(served: Served) -> None:
    stub = operations_pb2_grpc.OperationsStub(served.channel)  # type: ignore[no-untyped-call]
    for name in ("operations/a\x00b", "operations/", "else", "operations/" + "x" * 200):
        request = operations_pb2.GetOperationRequest(name=name)
        status, _, _ = await refusal(stub.GetOperation(request, metadata=served.metadata))
        assert status is grpc.StatusCode.NOT_FOUND


async def test_of_many_waits_those_too_many_are_answered_at_once(served: Served) -> None:
    # Of a server that died: nobody works on it, so it ends in no wait.
    plane, operation_id = served.plane, "op_left"
    campaign = await plane.campaign()
    async with plane.database.write() as unit:
        await unit.operations.insert(
            Operation(operation_id, plane.project, campaign.id, OperationState.RUNNING, 5, 0, plane.clock.now_ms)
        )
    stub = operations_pb2_grpc.OperationsStub(served.channel)  # type: ignore[no-untyped-call]
    request = operations_pb2.WaitOperationRequest(name=f"operations/{operation_id}")
    request.timeout.seconds = 60
    waits = [asyncio.ensure_future(stub.WaitOperation(request, metadata=served.metadata)) for _ in range(100)]
    answers = asyncio.as_completed(waits)
    for _ in range(100 - 64):
        assert not (await next(answers)).done
    waiting = [call for call in waits if not call.done()]
    assert len(waiting) == 64
    state = await stub.GetOperation(operations_pb2.GetOperationRequest(name=request.name), metadata=served.metadata)
    assert not state.done
    for call in waiting:
        call.cancel()
    await asyncio.wait(waiting)
