"""What an exception says, and that each reason has one."""

from __future__ import annotations

import pytest
from google.rpc import error_details_pb2, status_pb2
from support.scripted_server import Refuse, ScriptedServer, refusal

from promo.client import PromoClient, PromoError, Reason, Retry, Violation, exceptions, methods, order, status

CART = order("GBP", amount=1000)


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.name)
def test_each_reason_raises_its_own_class_below_that_of_its_status(reason: Reason) -> None:
    error = status.to_error(refusal(reason, metadata={"campaign": "spring"}).status)
    assert type(error) is exceptions.BY_REASON[reason]
    assert type(error).__name__.lower() == reason.name.replace("_", "").lower()
    assert isinstance(error, exceptions.BY_STATUS[reason.detail.grpc_code])
    assert error.reason is reason
    assert error.retry is reason.detail.retry
    assert error.metadata == {"campaign": "spring"}
    assert str(error) == f"{reason.name}: refused: {reason.name}"


@pytest.mark.asyncio
async def test_an_exception_carries_everything_that_the_answer_said(
    server: ScriptedServer,
    client: PromoClient,
) -> None:
    server.script(
        methods.VALIDATE,
        refusal(Reason.FIELD_INVALID, metadata={"field": "order"}, violations={"order.items[0].quantity": "is 0"}),
    )
    with pytest.raises(exceptions.FieldInvalid) as caught:
        await client.validate(codes=["A"], order=CART)
    error = caught.value
    assert error.violations == (Violation("order.items[0].quantity", "is 0"),)
    assert error.call_id == "call_17"
    assert error.message == "refused: FIELD_INVALID"
    assert error.retry_after is None


def test_a_reason_of_a_newer_server_falls_back_to_the_class_of_its_status() -> None:
    answer = status_pb2.Status(code=9, message="no")
    answer.details.add().Pack(error_details_pb2.ErrorInfo(reason="MOON_NOT_FULL", domain="promo"))
    error = status.to_error(answer)
    assert type(error) is exceptions.FailedPreconditionError
    assert error.reason is None
    assert error.reason_name == "MOON_NOT_FULL"
    assert error.retry is Retry.NEVER


def test_a_reason_of_another_domain_is_not_taken_for_ours() -> None:
    answer = status_pb2.Status(code=14, message="no")
    answer.details.add().Pack(error_details_pb2.ErrorInfo(reason="CODE_NOT_FOUND", domain="proxy.example"))
    error = status.to_error(answer)
    assert type(error) is exceptions.UnavailableError
    assert error.retry is Retry.SAME_REQUEST


def test_a_status_number_that_grpc_does_not_have_is_unknown() -> None:
    assert type(status.to_error(status_pb2.Status(code=99))) is exceptions.UnknownError


@pytest.mark.asyncio
async def test_a_failure_without_details_keeps_its_status(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.VALIDATE, Refuse(status_pb2.Status(code=13, message="boom"), rich=False))
    with pytest.raises(exceptions.InternalStatusError) as caught:
        await client.validate(codes=["A"], order=CART)
    assert caught.value.message == "boom"


def test_details_that_do_not_decode_do_not_hide_the_failure() -> None:
    parsed = status.parse(b"\xff\xff\xff", 14, "gone")
    assert type(status.to_error(parsed)) is exceptions.UnavailableError
    broken = status_pb2.Status(code=5, message="no")
    broken.details.add(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff\xff\xff")
    assert type(status.to_error(broken)) is exceptions.NotFoundError


@pytest.mark.asyncio
async def test_an_unknown_method_is_unimplemented(client: PromoClient) -> None:
    with pytest.raises(exceptions.UnimplementedError):
        await client.vouchers.get("A")


def test_the_base_class_catches_every_exception() -> None:
    classes = [*exceptions.BY_REASON.values(), *exceptions.BY_STATUS.values()]
    assert all(issubclass(kind, PromoError) for kind in classes)
