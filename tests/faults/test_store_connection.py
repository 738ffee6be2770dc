"""The connection to the store: full, silent or encrypted, and what calls hear of it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.data_plane import data_plane
from support.outage import DEADLINE, impatient, stopped, until_answered, until_served
from support.server_process import ServerProcess
from support.shop import CART, OK, codes_of, ending, new_campaign
from support.tls_front import tls_front
from support.truth import store_of

from promo.client import Limits, PromoClient
from promo_server.embedded import EmbeddedStore
from promo_server.state import StateDir

pytestmark = pytest.mark.asyncio

HURRY = 1.0
"""Less than the server waits for its store."""

openssl = shutil.which("openssl")


async def test_a_full_store_is_read_by_those_who_connect_again_or_anew(
    own_server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_code=5))
    [code] = await codes_of(client, campaign)
    control_socket = StateDir(own_server.state_dir).control_socket
    async with impatient(own_server.target) as hasty:
        with store_of(own_server) as store:
            store.config_set("maxmemory", 1)
            store.client_kill_filter(_type="normal", skipme=True)
            await until_served(hasty, code)
            assert (await hasty.vouchers.get(code)).redeemed_count == 0
            async with data_plane(own_server, control_socket, timeout=DEADLINE) as anew:
                await until_served(anew, code)
            assert await ending(hasty.redeem(codes=[code], order=CART)) == "STORE_UNAVAILABLE"
            store.config_set("maxmemory", 0)
        assert await ending(hasty.redeem(codes=[code], order=CART)) == OK


@pytest.mark.extended
async def test_a_store_that_hangs_is_unavailable_to_callers_in_a_hurry_too(
    own_server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_code=5))
    [code] = await codes_of(client, campaign)
    async with impatient(own_server.target, timeout=HURRY) as hurried:
        with stopped(own_server.store_pid):
            # At first nobody can tell a store that hangs from one that is slow.
            await until_answered(hurried, code, "STORE_UNAVAILABLE")
            assert await ending(hurried.redeem(codes=[code], order=CART)) == "STORE_UNAVAILABLE"
            async with asyncio.timeout(30):
                while '"store.unreachable"' not in own_server.log.read_text():
                    await asyncio.sleep(0.1)
            # The connection was given up, in case its other end is gone for good.
            assert await ending(hurried.redeem(codes=[code], order=CART)) == "STORE_UNAVAILABLE"
        await until_served(hurried, code)
        assert await ending(client.redeem(codes=[code], order=CART)) == OK


async def make_certificate(certificate: Path, key: Path, subject: str, *options: str) -> None:
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
    files = ["-keyout", str(key), "-out", str(certificate)]
    command = [str(openssl), *request.split(), "-subj", subject, *files, *options]
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
    _, problem = await process.communicate()
    assert process.returncode == 0, problem


@pytest.mark.skipif(openssl is None, reason="needs the openssl command")
async def test_a_store_behind_tls_is_reached_by_both_planes_when_its_certificate_is_trusted(
    new_server: Callable[..., ServerProcess], embedded_store: EmbeddedStore, tmp_path: Path
) -> None:
    authority, authority_key = tmp_path / "authority.pem", tmp_path / "authority_key.pem"
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    await make_certificate(authority, authority_key, "/CN=authority", "-addext", "keyUsage=keyCertSign")
    signed = ["-CA", str(authority), "-CAkey", str(authority_key)]
    usage = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=DNS:localhost"]
    await make_certificate(certificate, key, "/CN=localhost", *signed, *usage)
    socket = Path(embedded_store.url.removeprefix("unix://"))
    async with tls_front(socket, certificate, key) as port:
        url = f"rediss://localhost:{port}/0"
        server = await asyncio.to_thread(new_server, PROMO_STORE__URL=url, SSL_CERT_FILE=str(authority))
        async with impatient(server.target) as client:
            campaign = await new_campaign(client, Limits(per_code=1))
            [code] = await codes_of(client, campaign)
            await until_served(client, code)
            assert await ending(client.redeem(codes=[code], order=CART)) == OK
            assert (await client.vouchers.get(code)).redeemed_count == 1
