"""TLS and mutual TLS of the channel, and streams that are given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from support.certificates import Certificate, needs_openssl, self_signed
from support.scripted_server import Hang, ScriptedServer

from promo.client import PromoClient, SyncPromoClient, Tls, exceptions, methods, order
from promo.v1.code_service_pb2 import ExportCodesResponse
from promo.v1.validation_service_pb2 import Validation

CART = order("GBP", amount=1000)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """One self-signed certificate, used by both sides and trusted by both."""
    return self_signed(tmp_path_factory.mktemp("certificates"), "engine.test")


@pytest_asyncio.fixture
async def secure_server(certificate: Certificate) -> AsyncIterator[ScriptedServer]:
    credentials = grpc.ssl_server_credentials(
        [(certificate.key.read_bytes(), certificate.file.read_bytes())],
        root_certificates=certificate.file.read_bytes(),
        require_client_auth=True,
    )
    async with ScriptedServer(credentials=credentials) as server:
        server.script(methods.VALIDATE, Validation(valid=True))
        yield server


@needs_openssl
@pytest.mark.asyncio
async def test_mutual_tls_reaches_a_server_that_demands_it(
    secure_server: ScriptedServer, certificate: Certificate
) -> None:
    tls = Tls(
        root_certificates=certificate.file.read_bytes(),
        certificate_chain=certificate.file.read_bytes(),
        private_key=certificate.key.read_bytes(),
        server_name="engine.test",
    )
    async with PromoClient.connect(secure_server.address, tls=tls) as client:
        assert (await client.validate(codes=["A"], order=CART)).valid


@needs_openssl
@pytest.mark.asyncio
async def test_a_server_that_nobody_vouches_for_is_not_talked_to(secure_server: ScriptedServer) -> None:
    async with PromoClient.connect(secure_server.address, tls=True, timeout=0.5) as client:
        with pytest.raises((exceptions.UnavailableError, exceptions.DeadlineExceededError)):
            await client.validate(codes=["A"], order=CART)
    assert not secure_server.calls


@pytest.mark.asyncio
async def test_an_export_that_is_given_up_ends_on_the_server(server: ScriptedServer, client: PromoClient) -> None:
    server.script(methods.EXPORT_CODES, [ExportCodesResponse(chunk=b"A\n", done_count=1, total_count=2), Hang()])
    pieces = client.codes.export("spring")
    assert (await anext(pieces)).codes == ["A"]
    await pieces.aclose()
    await asyncio.wait_for(server.abandoned.wait(), 30.0)


@pytest.mark.parametrize("target", ["127.0.0.1", "http://127.0.0.1:50600", "shop:99999", "::1:50600", ""])
@pytest.mark.asyncio
async def test_what_is_no_address_is_refused_before_anything_is_called(target: str) -> None:
    for connect in (PromoClient.connect, SyncPromoClient.connect):
        with pytest.raises(ValueError, match="must be host:port"):
            connect(target)


@pytest.mark.asyncio
async def test_a_key_without_a_token_is_refused_before_it_is_sent() -> None:
    for connect in (PromoClient.connect, SyncPromoClient.connect):
        for key in ("id", "id:", ":token"):
            with pytest.raises(ValueError, match="written id:token") as caught:
                connect("127.0.0.1:50600", key=key)
            assert "token'" not in str(caught.value)


@pytest.mark.asyncio
async def test_names_that_grpc_finds_are_addresses_too() -> None:
    for target in ("dns:///shop:50600", "unix:/run/promo.sock", "[::1]:50600"):
        await PromoClient.connect(target).close()
