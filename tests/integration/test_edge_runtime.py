"""The data plane inside this process: admitted and answered exactly like through the port."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2, status_pb2
from redis.asyncio import Redis
from support.server_process import ServerProcess

from promo.v1 import validation_service_pb2, voucher_service_pb2
from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason
from promo_server.embedded import EmbeddedStore
from promo_server.runtime import CallFailedError, Runtime

GET_VOUCHER = "/promo.v1.VoucherService/GetVoucher"
GET_CAMPAIGN = "/promo.v1.CampaignService/GetCampaign"
GOOD = {"authorization": "Bearer shop:open sesame"}
BODY = voucher_service_pb2.GetVoucherRequest(code="ABC").SerializeToString()


def document(store_url: str, **edge: object) -> dict[str, object]:
    return {
        "worker_threads": 1,
        "engine": {"store_url": store_url, "master_secret": "00" * 32},
        "edge": {"listen": "127.0.0.1:0", **edge},
    }


@pytest_asyncio.fixture
async def runtime(embedded_store: EmbeddedStore) -> AsyncIterator[Runtime]:
    redis = Redis.from_url(embedded_store.url)
    key = {
        "hash": hashlib.sha256(b"open sesame").hexdigest(),
        "project": "pr0ject1",
        "scopes": ["campaigns.read", "redemptions.read", "vouchers.read"],
        "admin": False,
    }
    await redis.hset("promo:auth", "shop", json.dumps(key))
    await redis.incr("promo:epoch")
    await redis.aclose()
    runtime = Runtime(document(embedded_store.url))
    await eventually(runtime.healthy)
    yield runtime
    await runtime.drain(0)


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def reason_of(call: Coroutine[Any, Any, object]) -> str:
    with pytest.raises(CallFailedError) as caught:
        await call
    status = status_pb2.Status.FromString(caught.value.status)
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.domain == "promo"
    return info.reason


@pytest.mark.asyncio
async def test_a_call_needs_a_key_a_scope_and_a_method(runtime: Runtime) -> None:
    assert await reason_of(runtime.call(GET_VOUCHER, {}, BODY, 5)) == "CREDENTIALS_MISSING"
    wrong = {"authorization": "Bearer shop:open barley"}
    assert await reason_of(runtime.call(GET_VOUCHER, wrong, BODY, 5)) == "CREDENTIALS_INVALID"
    redeem = "/promo.v1.RedemptionService/Redeem"
    assert await reason_of(runtime.call(redeem, GOOD, b"", 5)) == "SCOPE_MISSING"
    assert await reason_of(runtime.call("/promo.v1.VoucherService/Steal", GOOD, b"", 5)) == "METHOD_NOT_FOUND"
    # The key is good; its project was never defined in this store.
    assert await reason_of(runtime.call(GET_VOUCHER, GOOD, BODY, 5)) == "PROJECT_NOT_FOUND"


@pytest.mark.asyncio
async def test_malformed_metadata_is_an_error_of_the_caller_that_shows_no_value(runtime: Runtime) -> None:
    with pytest.raises(ValueError, match="authorization") as caught:
        await runtime.call(GET_VOUCHER, {"authorization": "Bearer a:very\nsecret"}, BODY, 5)
    assert "secret" not in str(caught.value)


@pytest.mark.asyncio
async def test_many_calls_at_once_are_each_answered(runtime: Runtime) -> None:
    redeem = "/promo.v1.RedemptionService/Redeem"
    calls = [reason_of(runtime.call(redeem, GOOD, b"", 10)) for _ in range(2_000)]
    assert set(await asyncio.gather(*calls)) == {"SCOPE_MISSING"}
    labels = f'method="{redeem}",code="PERMISSION_DENIED"'
    assert f"promo_edge_calls_total{{{labels}}} 2000" in runtime.metrics()


@pytest.mark.asyncio
@pytest.mark.usefixtures("runtime")
async def test_a_batch_takes_calls_of_the_seconds_after_out_of_the_store(embedded_store: EmbeddedStore) -> None:
    limited = Runtime(document(embedded_store.url, limits={"calls_per_second_per_key": 2}))
    await eventually(limited.healthy)
    batch = validation_service_pb2.BatchValidateRequest(requests=[{} for _ in range(60)]).SerializeToString()
    path = "/promo.v1.ValidationService/BatchValidate"
    await limited.call(path, GOOD, batch, 10)
    assert await reason_of(limited.call(path, GOOD, batch, 10)) == "RATE_LIMITED"
    await limited.drain(0)
    async with Redis.from_url(embedded_store.url) as redis:
        seconds = sorted(await redis.keys("promo:rate:{shop}:*"))
        counts = [int(count) for count in await redis.mget(seconds)]
        # A server also counts what it could not have.
        assert sum(min(count, 2) for count in counts) >= 60
        # The last is remembered until it is over.
        assert await redis.ttl(seconds[-1]) >= 30


@pytest.mark.asyncio
@pytest.mark.usefixtures("runtime")
async def test_batches_of_several_servers_take_different_seconds(embedded_store: EmbeddedStore) -> None:
    limit = 50
    servers = [Runtime(document(embedded_store.url, limits={"calls_per_second_per_key": limit})) for _ in range(2)]
    for server in servers:
        await eventually(server.healthy)
    requests: list[dict[str, object]] = [{} for _ in range(limit)]
    batch = validation_service_pb2.BatchValidateRequest(requests=requests).SerializeToString()
    path = "/promo.v1.ValidationService/BatchValidate"
    calls = [servers[number % 2].call(path, GOOD, batch, 20) for number in range(60)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    for server in servers:
        await server.drain(0)
    async with Redis.from_url(embedded_store.url) as redis:
        counts = await redis.mget(await redis.keys("promo:rate:{shop}:*"))
    passed = sum(isinstance(answer, bytes) for answer in answers)
    # A server may let a lease pass that it has not got yet.
    assert sum(min(int(count), limit) for count in counts) >= passed * limit - 2 * len(servers)
    assert passed > 0


@pytest.mark.asyncio
async def test_a_managed_method_without_a_control_plane_is_unavailable(runtime: Runtime) -> None:
    assert await reason_of(runtime.call(GET_CAMPAIGN, GOOD, b"", 5)) == "CONTROL_PLANE_UNAVAILABLE"


@pytest.mark.asyncio
async def test_a_control_plane_that_hangs_costs_the_deadline_and_cancelling_ends_the_call(
    embedded_store: EmbeddedStore,
    runtime: Runtime,
    tmp_path: Path,
) -> None:
    closed = asyncio.Event()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1_000):
            pass
        writer.close()
        closed.set()

    socket = tmp_path / "control.sock"
    listener = await asyncio.start_unix_server(swallow, socket)
    embedded = Runtime(document(embedded_store.url, control_socket=str(socket)))
    await eventually(embedded.healthy)
    assert await reason_of(embedded.call(GET_CAMPAIGN, GOOD, b"", 0.2)) == "DEADLINE_TOO_SHORT"
    waiting = asyncio.create_task(embedded.call(GET_CAMPAIGN, GOOD, b"", 60))
    await eventually(lambda: "promo_edge_calls_in_flight 1" in embedded.metrics())
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await eventually(lambda: "promo_edge_calls_in_flight 0" in embedded.metrics())
    await embedded.drain(0)
    async with asyncio.timeout(5):
        await closed.wait()
    listener.close()
    assert runtime.healthy()


@pytest.mark.asyncio
async def test_after_the_drain_calls_fail_instead_of_waiting_for_ever(embedded_store: EmbeddedStore) -> None:
    runtime = Runtime(document(embedded_store.url))
    await runtime.drain(0)
    assert await reason_of(runtime.call(GET_VOUCHER, GOOD, BODY, 5)) == "DRAINING"
    with pytest.raises(DomainError) as refused:
        await runtime.sweep()
    assert refused.value.reason is Reason.DRAINING
    await runtime.drain(0)


@pytest.mark.asyncio
async def test_a_port_that_is_taken_is_an_error_with_its_address(embedded_store: EmbeddedStore) -> None:
    first, second = Runtime(document(embedded_store.url)), Runtime(document(embedded_store.url))
    address = await first.serve()
    third = Runtime(document(embedded_store.url, listen=address))
    with pytest.raises(RuntimeError, match=f"cannot listen on {address}"):
        await third.serve()
    assert await second.serve() != address
    for runtime in (first, second, third):
        await runtime.drain(0)


def test_settings_that_do_not_fit_are_named_without_the_secret() -> None:
    with pytest.raises(ValueError, match="unknown field `speed`"):
        Runtime({**document("redis://localhost"), "speed": 9})
    bad = {"engine": {"store_url": "redis://localhost", "master_secret": "topsecret"}}
    with pytest.raises(RuntimeError, match="32 bytes") as caught:
        Runtime(bad)
    assert "topsecret" not in str(caught.value)


def test_events_of_the_data_plane_are_lines_of_the_log(server: ServerProcess) -> None:
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if '"edge.listening"' in line]
    assert lines[0]["address"] == server.target
    assert lines[0]["logger"] == "promo_server.data_plane"
    assert lines[0]["level"] == "info"


@pytest.mark.parametrize("service", ["", "promo.v1.RedemptionService", "promo.v1.CampaignService"])
def test_a_running_server_is_healthy_in_all_its_services(server: ServerProcess, service: str) -> None:
    with grpc.insecure_channel(server.target) as channel:
        check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/grpc.health.v1.Health/Check")
        # A message of one string, and one of an enum whose value 1 is SERVING. The edge finds out about the control
        # plane a moment after it listens.
        deadline = time.monotonic() + 60
        while check(bytes([10, len(service)]) + service.encode(), timeout=5) != b"\x08\x01":
            assert time.monotonic() < deadline, f"the server did not say that {service or 'it'} is healthy"
            time.sleep(0.05)
