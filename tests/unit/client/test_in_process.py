"""The transport without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from support.scripted_server import refusal

from promo.client import InProcessTransport, PromoClient, Reason, RetryPolicy, exceptions, methods, order
from promo.v1.redemption_pb2 import Redemption
from promo.v1.redemption_service_pb2 import RedeemRequest

pytestmark = pytest.mark.asyncio

CART = order("GBP", amount=1000)


class RefusedError(Exception):
    def __init__(self, status: bytes) -> None:
        super().__init__("refused")
        self.status = status


class EmbeddedEngine:
    """Fails as often as it is told, then redeems."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.calls: list[tuple[str, Mapping[str, str], RedeemRequest, float]] = []
        self.peers: list[str | None] = []
        self.hangs = False

    async def call(
        self, method: str, metadata: Mapping[str, str], body: bytes, timeout: float, peer: str | None = None
    ) -> bytes:
        self.peers.append(peer)
        self.calls.append((method, metadata, RedeemRequest.FromString(body), timeout))
        if self.hangs:
            await asyncio.Event().wait()
        if self.failures:
            raise self.failures.pop(0)
        return Redemption(id="r_1").SerializeToString()


def refused(reason: Reason) -> RefusedError:
    return RefusedError(refusal(reason).status.SerializeToString())


async def test_an_embedded_engine_gets_what_the_port_would_get() -> None:
    engine = EmbeddedEngine()
    async with PromoClient.in_process(engine, key="key_test:secret") as client:
        redemption = await client.redeem(codes=["A"], order=CART)
    assert redemption.id == "r_1"
    [(method, metadata, request, timeout)] = engine.calls
    assert method == "/promo.v1.RedemptionService/Redeem"
    assert metadata == {"authorization": "Bearer key_test:secret"}
    assert request.redeemables[0].code == "A"
    assert 0 < timeout <= 2.0


async def test_a_refusal_raises_its_reason_and_is_retried_as_over_the_network() -> None:
    engine = EmbeddedEngine(refused(Reason.STORE_UNAVAILABLE), refused(Reason.CODE_NOT_FOUND))
    client = PromoClient.in_process(engine, retry=RetryPolicy(first_delay=0.001))
    with pytest.raises(exceptions.CodeNotFound):
        await client.redeem(codes=["A"], order=CART)
    first, second = (call[2] for call in engine.calls)
    assert first == second


async def test_a_deadline_ends_a_call_that_the_engine_does_not_end() -> None:
    engine = EmbeddedEngine()
    engine.hangs = True
    client = PromoClient.in_process(engine)
    with pytest.raises(exceptions.DeadlineExceededError):
        await client.redeem(codes=["A"], order=CART, timeout=0.05)


async def test_a_defect_of_the_engine_is_not_dressed_up_as_a_refusal() -> None:
    client = PromoClient.in_process(EmbeddedEngine(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        await client.redeem(codes=["A"], order=CART)


async def test_the_engine_is_told_for_whom_a_call_is_made() -> None:
    engine = EmbeddedEngine()
    for peer in ("192.0.2.7", None):
        await PromoClient(InProcessTransport(engine, peer)).redeem(codes=["A"], order=CART)
    assert engine.peers == ["192.0.2.7", None]


async def test_streams_are_refused() -> None:
    client = PromoClient.in_process(EmbeddedEngine())
    with pytest.raises(exceptions.UnimplementedError, match=methods.EXPORT_CODES.path):
        [piece async for piece in client.codes.export("spring")]
