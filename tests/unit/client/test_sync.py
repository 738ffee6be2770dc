"""The client for threads keeps the promises of the asyncio one: against a real gRPC server."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable
from typing import TypeVar

import grpc
import pytest
from support.scripted_server import ROUNDED_UP, Hang, ScriptedServer, refusal

from promo.client import Reason, RetryPolicy, SyncPromoClient, Timeouts, exceptions, methods, order, redeem_request
from promo.v1.code_service_pb2 import ExportCodesResponse
from promo.v1.redemption_pb2 import Redemption
from promo.v1.redemption_service_pb2 import BatchRedeemResponse

pytestmark = pytest.mark.asyncio

CART = order("GBP", amount=1000)
STORE_DOWN = refusal(Reason.STORE_UNAVAILABLE)
QUICK = RetryPolicy(attempts=4, first_delay=0.001, longest_delay=0.002)

Result = TypeVar("Result")


async def blocking(server: ScriptedServer, work: Callable[[SyncPromoClient], Result]) -> Result:
    """Do the work in a thread with a client of its own; the server stays in this loop."""

    def run() -> Result:
        with SyncPromoClient.connect(server.address, key="key_test:secret", retry=QUICK) as client:
            return work(client)

    return await asyncio.to_thread(run)


async def test_a_call_carries_key_deadline_and_request_id(server: ScriptedServer) -> None:
    server.script(methods.REDEEM, Redemption(id="r_1"))
    redemption = await blocking(server, lambda client: client.redeem(codes=["A"], order=CART))
    assert redemption.id == "r_1"
    [call] = server.calls[methods.REDEEM.path]
    assert call.metadata["authorization"] == "Bearer key_test:secret"
    assert call.seconds_left is not None
    assert 0 < call.seconds_left <= 2.0 * ROUNDED_UP
    assert len(server.requests(methods.REDEEM)[0].request_id) == 32


async def test_a_retry_sends_the_same_bytes(server: ScriptedServer) -> None:
    server.script(methods.REDEEM, STORE_DOWN, STORE_DOWN, Redemption(id="r_1"))
    await blocking(server, lambda client: client.redeem(codes=["A"], order=CART))
    bodies = {call.body for call in server.calls[methods.REDEEM.path]}
    assert len(server.calls[methods.REDEEM.path]) == 3
    assert len(bodies) == 1


async def test_a_refusal_raises_its_reason_with_the_request_id(server: ScriptedServer) -> None:
    server.script(methods.REDEEM, refusal(Reason.CODE_USES_EXHAUSTED, metadata={"code": "A", "limit": "1"}))
    with pytest.raises(exceptions.CodeUsesExhausted) as caught:
        await blocking(server, lambda client: client.redeem(codes=["A"], order=CART))
    [request] = server.requests(methods.REDEEM)
    assert caught.value.request_id == request.request_id
    assert caught.value.metadata["limit"] == "1"
    assert caught.value.call_id == "call_17"


async def test_all_attempts_share_one_deadline(server: ScriptedServer) -> None:
    server.script(methods.REDEEM, STORE_DOWN)
    policy = RetryPolicy(attempts=1_000, first_delay=0.05, longest_delay=0.05)

    def run() -> None:
        with SyncPromoClient.connect(server.address, retry=policy, timeout=1.0) as client:
            client.redeem(codes=["A"], order=CART)

    started = time.monotonic()
    with pytest.raises((exceptions.StoreUnavailable, exceptions.DeadlineExceededError)):
        await asyncio.to_thread(run)
    assert time.monotonic() - started < 5.0
    left = [call.seconds_left or 0.0 for call in server.calls[methods.REDEEM.path]]
    assert len(left) > 1
    assert left[-1] < left[0] <= 1.0 * ROUNDED_UP


async def test_a_server_that_hangs_costs_no_more_than_the_deadline(server: ScriptedServer) -> None:
    server.script(methods.VALIDATE, Hang())
    started = time.monotonic()
    with pytest.raises(exceptions.DeadlineExceededError):
        await blocking(server, lambda client: client.validate(codes=["A"], order=CART, timeout=0.2))
    assert 0.15 < time.monotonic() - started < 5.0


async def test_a_missing_server_is_unavailable_within_the_deadline() -> None:
    def run() -> None:
        with SyncPromoClient.connect("127.0.0.1:1", timeout=0.4) as client:
            client.validate(codes=["A"], order=CART)

    started = time.monotonic()
    with pytest.raises((exceptions.UnavailableError, exceptions.DeadlineExceededError)):
        await asyncio.to_thread(run)
    assert time.monotonic() - started < 5.0


async def test_each_item_of_a_batch_gets_its_own_result(server: ScriptedServer) -> None:
    answer = BatchRedeemResponse()
    answer.results.add().redemption.id = "r_1"
    answer.results.add().error.CopyFrom(refusal(Reason.CODE_NOT_FOUND, metadata={"code": "B"}).status)
    server.script(methods.BATCH_REDEEM, answer)
    requests = [redeem_request(codes=["A"], order=CART), redeem_request(codes=["B"], order=CART)]
    good, bad = await blocking(server, lambda client: client.batch_redeem(requests))
    assert isinstance(good, Redemption)
    assert isinstance(bad, exceptions.CodeNotFound)


def piece(codes: str, done: int, token: str) -> ExportCodesResponse:
    return ExportCodesResponse(chunk=codes.encode(), done_count=done, total_count=3, resume_token=token)


async def test_an_export_that_breaks_goes_on_where_it_was(server: ScriptedServer) -> None:
    server.script(
        methods.EXPORT_CODES,
        [piece("A\nB\n", 2, "two"), STORE_DOWN],
        [piece("C\n", 3, "three")],
    )
    pieces = await blocking(server, lambda client: list(client.codes.export("spring")))
    assert [code for found in pieces for code in found.codes] == ["A", "B", "C"]
    assert [request.resume_token for request in server.requests(methods.EXPORT_CODES)] == ["", "two"]


async def test_an_export_that_stands_still_is_given_up(server: ScriptedServer) -> None:
    server.script(methods.EXPORT_CODES, [Hang()])

    def run() -> None:
        retry = RetryPolicy(attempts=1)
        with SyncPromoClient.connect(server.address, retry=retry, timeout=Timeouts(managed=0.2)) as client:
            list(client.codes.export("spring"))

    with pytest.raises(exceptions.DeadlineExceededError, match="stood still"):
        await asyncio.to_thread(run)
    await asyncio.wait_for(server.abandoned.wait(), 30.0)


async def test_a_consumer_that_is_slow_does_not_let_an_export_stand_still(server: ScriptedServer) -> None:
    server.script(methods.EXPORT_CODES, [piece("A\n", 1, "one"), piece("B\n", 2, "two")])

    def run(client: SyncPromoClient) -> list[str]:
        found = []
        for part in client.codes.export("spring", idle_timeout=0.5):
            time.sleep(0.8)
            found += part.codes
        return found

    assert await blocking(server, run) == ["A", "B"]


async def test_a_consumer_that_stops_early_ends_the_work_of_the_server(server: ScriptedServer) -> None:
    server.script(methods.EXPORT_CODES, [piece("A\n", 1, "one"), Hang()])

    def run(client: SyncPromoClient) -> list[str]:
        stream = client.codes.export("spring")
        first = next(stream)
        stream.close()
        return first.codes

    assert await blocking(server, run) == ["A"]
    await asyncio.wait_for(server.abandoned.wait(), 30.0)


async def test_traceback_of_a_refusal_shows_it_alone_and_keeps_what_grpc_said(server: ScriptedServer) -> None:
    server.script(methods.REDEEM, refusal(Reason.CODE_NOT_FOUND))
    with pytest.raises(exceptions.CodeNotFound) as caught:
        await blocking(server, lambda client: client.redeem(codes=["A"], order=CART))
    assert "direct cause" not in "".join(traceback.format_exception(caught.value))
    assert isinstance(caught.value.origin, grpc.RpcError)
