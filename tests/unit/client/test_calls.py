"""Deadlines, keys, request ids and retries, against a real gRPC server."""

from __future__ import annotations

import asyncio
import time
import traceback
from datetime import timedelta

import grpc.aio
import pytest
from google.protobuf.empty_pb2 import Empty
from google.rpc import status_pb2
from support.scripted_server import ROUNDED_UP, Hang, Refuse, ScriptedServer, refusal

from promo.client import PromoClient, Reason, RetryPolicy, exceptions, methods, order, redeem_request
from promo.v1.project_pb2 import ApiKey
from promo.v1.redemption_pb2 import Redemption
from promo.v1.redemption_service_pb2 import BatchRedeemResponse, RedeemRequest
from promo.v1.validation_service_pb2 import Validation

pytestmark = pytest.mark.asyncio

CART = order("GBP", amount=1000)
STORE_DOWN = refusal(Reason.STORE_UNAVAILABLE)


async def test_every_call_carries_the_key_and_a_deadline(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.REDEEM, Redemption(id="r_1"))
    redemption = await client.redeem(codes=["A"], order=CART)
    assert redemption.id == "r_1"
    [call] = server.calls[methods.REDEEM.path]
    assert call.metadata["authorization"] == "Bearer key_test:secret"
    assert call.seconds_left is not None
    assert 0 < call.seconds_left <= 2.0 * ROUNDED_UP


async def test_a_managed_call_has_a_longer_deadline(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.REVOKE_API_KEY, ApiKey(id="key_1"))
    await client.access.revoke_key("key_1")
    [call] = server.calls[methods.REVOKE_API_KEY.path]
    assert call.seconds_left is not None
    assert 20.0 < call.seconds_left <= 30.0 * ROUNDED_UP


async def test_a_retry_of_a_mutation_sends_the_request_id_of_the_first_attempt(
    server: ScriptedServer,
    client: PromoClient,
) -> None:
    server.script(methods.REDEEM, STORE_DOWN, STORE_DOWN, Redemption(id="r_1"))
    await client.redeem(codes=["A"], order=CART)
    identifiers = [request.request_id for request in server.requests(methods.REDEEM)]
    assert len(identifiers) == 3
    assert len(set(identifiers)) == 1
    assert len(identifiers[0]) == 32


async def test_two_calls_have_different_request_ids(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.REDEEM, Redemption())
    request = RedeemRequest(order=CART)
    await client.redeem(request)
    await client.redeem(request)
    first, second = server.requests(methods.REDEEM)
    assert first.request_id != second.request_id
    assert not request.request_id, "the caller's own message is left alone"


async def test_a_request_id_of_the_caller_is_kept(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.REDEEM, Redemption())
    await client.redeem(codes=["A"], order=CART, request_id="mine")
    assert server.requests(methods.REDEEM)[0].request_id == "mine"


async def test_keywords_are_set_on_top_of_a_request(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.REDEEM, Redemption())
    await client.redeem(RedeemRequest(order=CART, session_key="hold"), codes=["A"], customer="17850", mode="partial")
    [request] = server.requests(methods.REDEEM)
    assert request.session_key == "hold"
    assert request.order == CART
    assert [redeemable.code for redeemable in request.redeemables] == ["A"]
    assert request.customer.source_id == "17850"


async def test_a_refusal_that_time_does_not_heal_is_not_retried(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.REDEEM, refusal(Reason.CODE_USES_EXHAUSTED))
    with pytest.raises(exceptions.CodeUsesExhausted) as caught:
        await client.redeem(codes=["A"], order=CART)
    [request] = server.requests(methods.REDEEM)
    assert caught.value.request_id == request.request_id


async def test_attempts_end_with_the_policy(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.REDEEM, STORE_DOWN)
    with pytest.raises(exceptions.StoreUnavailable):
        await client.redeem(codes=["A"], order=CART)
    assert len(server.calls[methods.REDEEM.path]) == 4


async def test_a_call_that_cannot_be_repeated_is_not_retried_when_it_may_have_had_its_effect(
    server: ScriptedServer,
    client: PromoClient,
) -> None:
    server.script(methods.CREATE_API_KEY, refusal(Reason.DATABASE_UNAVAILABLE), ApiKey(id="key_1"))
    with pytest.raises(exceptions.DatabaseUnavailable):
        await client.access.create_key(["checkout"])
    assert len(server.calls[methods.CREATE_API_KEY.path]) == 1


async def test_a_call_that_cannot_be_repeated_is_retried_when_it_was_refused_before(
    server: ScriptedServer,
    client: PromoClient,
) -> None:
    server.script(methods.CREATE_API_KEY, refusal(Reason.RATE_LIMITED, retry_after=0.01), ApiKey(id="key_1"))
    key = await client.access.create_key(["checkout"])
    assert key.id == "key_1"


async def test_the_delay_that_the_server_asks_for_is_kept(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.REDEEM, refusal(Reason.RATE_LIMITED, retry_after=0.15), Redemption())
    started = time.monotonic()
    await client.redeem(codes=["A"], order=CART)
    assert time.monotonic() - started >= 0.15


async def test_a_delay_beyond_the_deadline_fails_at_once(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.REDEEM, refusal(Reason.CODE_GUESSING, retry_after=60.0))
    started = time.monotonic()
    with pytest.raises(exceptions.CodeGuessing) as caught:
        await client.redeem(codes=["A"], order=CART)
    assert time.monotonic() - started < 5.0
    assert caught.value.retry_after == 60.0


async def test_all_attempts_share_one_deadline(server: ScriptedServer) -> None:
    server.script(methods.REDEEM, STORE_DOWN)
    policy = RetryPolicy(attempts=1_000, first_delay=0.05, longest_delay=0.05)
    async with PromoClient.connect(server.address, retry=policy, timeout=1.0) as client:
        started = time.monotonic()
        with pytest.raises((exceptions.StoreUnavailable, exceptions.DeadlineExceededError)) as caught:
            await client.redeem(codes=["A"], order=CART)
    assert time.monotonic() - started < 5.0
    left = [call.seconds_left or 0.0 for call in server.calls[methods.REDEEM.path]]
    assert len(left) > 1
    assert left[-1] < left[0] <= 1.0 * ROUNDED_UP
    assert "STORE_UNAVAILABLE" in caught.value.__notes__[-1]


async def test_a_server_that_hangs_costs_no_more_than_the_deadline(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.VALIDATE, Hang())
    started = time.monotonic()
    with pytest.raises(exceptions.DeadlineExceededError) as caught:
        await client.validate(codes=["A"], order=CART, timeout=0.2)
    assert 0.15 < time.monotonic() - started < 5.0
    assert caught.value.reason is None


async def test_a_missing_server_is_unavailable_within_the_deadline() -> None:
    async with PromoClient.connect("127.0.0.1:1", timeout=0.4) as client:
        started = time.monotonic()
        with pytest.raises((exceptions.UnavailableError, exceptions.DeadlineExceededError)):
            await client.validate(codes=["A"], order=CART)
    assert time.monotonic() - started < 5.0


async def test_cancelling_the_caller_cancels_the_call(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.VALIDATE, Hang())
    task = asyncio.create_task(client.validate(codes=["A"], order=CART))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_validation_without_session_needs_no_request_id_to_be_retried(
    server: ScriptedServer,
    client: PromoClient,
) -> None:
    server.script(methods.VALIDATE, STORE_DOWN, Validation(valid=True))
    assert (await client.validate(codes=["A"], order=CART)).valid
    assert [request.request_id for request in server.requests(methods.VALIDATE)] == ["", ""]


async def test_a_validation_with_session_is_retried_with_one_request_id(
    server: ScriptedServer,
    client: PromoClient,
) -> None:
    server.script(methods.VALIDATE, STORE_DOWN, Validation(valid=True))
    await client.validate(codes=["A"], order=CART, session=timedelta(minutes=5))
    first, second = server.requests(methods.VALIDATE)
    assert first.session.ttl.seconds == 300
    assert first.request_id
    assert first == second


async def test_each_item_of_a_batch_gets_its_own_request_id_and_result(
    server: ScriptedServer,
    client: PromoClient,
) -> None:
    answer = BatchRedeemResponse()
    answer.results.add().redemption.id = "r_1"
    answer.results.add().error.CopyFrom(refusal(Reason.CODE_NOT_FOUND, metadata={"code": "B"}).status)
    server.script(methods.BATCH_REDEEM, STORE_DOWN, answer)
    good, bad = await client.batch_redeem(
        [redeem_request(codes=["A"], order=CART), redeem_request(codes=["B"], order=CART)],
    )
    assert isinstance(good, Redemption)
    assert isinstance(bad, exceptions.CodeNotFound)
    assert bad.metadata == {"code": "B"}
    first, second = server.requests(methods.BATCH_REDEEM)
    assert first == second
    assert len({item.request_id for item in first.requests}) == 2


async def test_a_server_that_comes_back_is_called_again_without_a_restart_of_the_client() -> None:
    async with ScriptedServer() as first:
        address = first.address
    policy = RetryPolicy(attempts=100, first_delay=0.05, longest_delay=0.05)
    async with PromoClient.connect(address, retry=policy, timeout=5.0) as client:
        call = asyncio.create_task(client.redeem(codes=["A"], order=CART))
        await asyncio.sleep(0.2)
        async with ScriptedServer(port=int(address.rpartition(":")[2])) as second:
            second.script(methods.REDEEM, Redemption(id="r_2"))
            assert (await call).id == "r_2"


async def test_a_plain_unavailable_of_a_proxy_is_retried(server: ScriptedServer, client: PromoClient) -> None:
    plain = Refuse(status_pb2.Status(code=14, message="upstream connect error"), rich=False)
    server.script(methods.RELEASE_SESSION, plain, Empty())
    await client.sessions.release("hold")
    first, second = server.requests(methods.RELEASE_SESSION)
    assert first == second


async def test_traceback_of_a_refusal_shows_it_alone_and_keeps_what_grpc_said(
    server: ScriptedServer, client: PromoClient
) -> None:
    server.script(methods.REDEEM, refusal(Reason.CODE_NOT_FOUND))
    with pytest.raises(exceptions.CodeNotFound) as caught:
        await client.redeem(codes=["A"], order=CART)
    shown = "".join(traceback.format_exception(caught.value))
    assert "AioRpcError" not in shown
    assert "direct cause" not in shown
    assert isinstance(caught.value.origin, grpc.aio.AioRpcError)
