"""Punchh's Webhooks Manager in front of the adapter, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable

import httpx2
import pytest
from support.punchh_adapter import CLIENT, SECRET, AdapterProcess, sample, until

from promo_simulators.punchh.signing import Credentials, Mode
from promo_simulators.punchh.webhooks import Standing, WebhooksManager, encode

pytestmark = pytest.mark.asyncio
CREDENTIALS = Credentials("hmac-sha256", SECRET, CLIENT)
Punchh = Callable[..., WebhooksManager]
NewAdapter = Callable[..., AdapterProcess]


@pytest.fixture
def adapter(new_adapter: NewAdapter) -> AdapterProcess:
    """Yield an adapter that passes nothing on."""
    return new_adapter(None)


async def post(adapter: AdapterProcess, body: bytes, **headers: str) -> httpx2.Response:
    async with httpx2.AsyncClient(timeout=20) as http:
        return await http.post(adapter.url, content=body, headers={**CREDENTIALS.headers(adapter.url, body), **headers})


def inbox(adapter: AdapterProcess) -> dict[str, int]:
    return adapter.states()["inbox"]


@pytest.mark.parametrize("mode", ["basic", "bearer", "hmac-sha1", "hmac-sha256"])
async def test_punchh_activates_and_delivers_in_each_mode(new_adapter: NewAdapter, punchh: Punchh, mode: Mode) -> None:
    environment = {"PROMO_PUNCHH_WEBHOOK__AUTH": mode, "PROMO_PUNCHH_WEBHOOK__USERNAME": CLIENT}
    manager = punchh(new_adapter(None, **environment), Credentials(mode, SECRET, CLIENT))
    assert await manager.activate()
    [delivery] = manager.send([sample("redeemables")])
    await manager.settled()
    assert delivery.statuses == [202]


@pytest.mark.parametrize("path", ["/", "/hook/", "/a%2Fb/hook"])
async def test_the_webhook_is_at_the_path_that_was_chosen(new_adapter: NewAdapter, punchh: Punchh, path: str) -> None:
    adapter = new_adapter(None, PROMO_PUNCHH_WEBHOOK__PATH=path)
    manager = punchh(adapter)
    assert await manager.activate()
    [delivery] = manager.send([sample("redeemables")])
    await manager.settled()
    assert delivery.statuses == [202]


async def test_a_receiver_with_another_secret_is_not_activated(adapter: AdapterProcess, punchh: Punchh) -> None:
    manager = punchh(adapter, Credentials("hmac-sha256", "OTHER", CLIENT))
    assert not await manager.activate()
    assert manager.standing is Standing.INACTIVE


async def test_a_wrong_digest_stores_nothing(adapter: AdapterProcess) -> None:
    body = encode(sample("rewards"))
    for headers in (
        {"authorization": "hmac " + "0" * 64},
        {"authorization": ""},
        {"x-pch-key": "OTHER"},
        CREDENTIALS.headers(adapter.url + "?other", body),
        CREDENTIALS.headers(adapter.url, body + b" "),
    ):
        refused = await post(adapter, body, **headers)
        assert (refused.status_code, refused.json()["key"]) == (401, "unauthorized")
    assert sum(inbox(adapter).values()) == 0


async def test_the_digest_is_over_the_bytes_and_not_over_what_they_mean(adapter: AdapterProcess) -> None:
    spaced = json.dumps(sample("redeemables"), indent=3, ensure_ascii=True).encode()
    assert (await post(adapter, spaced)).status_code == 202
    unparseable = b'{"content_id": \xff\xfe'
    assert (await post(adapter, unparseable, authorization="hmac " + "0" * 64)).status_code == 401
    assert (await post(adapter, unparseable)).status_code == 400


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "truncated"),
        (b"null", "Expected `object`"),
        (b"[]", "Expected `object`"),
        (b"{" * 100_000, "no Punchh event"),
        (b'{"content_id": ' + b"[" * 100_000, "no Punchh event"),
        (b"\x00\xff" * 10, "no Punchh event"),
        (b'{"content_id": "\xff"}', "no Punchh event"),
        (encode({**sample("rewards"), "payload": {"reward_id": "10712"}}), "$.reward_id"),
        (encode({**sample("rewards"), "timestamp": None}), "$.timestamp"),
    ],
    ids=range(9),
)
async def test_a_malformed_event_is_refused_in_words(adapter: AdapterProcess, body: bytes, words: str) -> None:
    refused = await post(adapter, body)
    assert refused.status_code == 400
    assert words in refused.json()["details"]
    assert "Ada" not in adapter.log.read_text()
    assert sum(inbox(adapter).values()) == 0


async def test_an_event_of_no_known_family_is_stored_and_acknowledged(adapter: AdapterProcess) -> None:
    for document in (sample("redeemables"), {**sample("rewards"), "event_name": "brand_new", "payload": {"a": [1]}}):
        assert (await post(adapter, encode(document))).status_code == 202
    assert inbox(adapter)["done"] == 2


async def test_a_repeated_event_is_acknowledged_and_stored_once(adapter: AdapterProcess) -> None:
    body = encode(sample("redeemables"))
    answers = await asyncio.gather(*(post(adapter, body) for _ in range(20)))
    assert sorted(answer.json()["status"] for answer in answers) == ["known"] * 19 + ["stored"]
    again = encode({**sample("redeemables"), "timestamp": 1629127389})
    assert (await post(adapter, again)).json() == {"status": "stored"}
    assert sum(inbox(adapter).values()) == 2


async def raw(adapter: AdapterProcess, *pieces: bytes, length: int | None) -> bytes:
    """Return the beginning of the answer to a request whose body comes in pieces; without a length it is chunked."""
    host, port = adapter.url.split("/")[2].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    headers = "".join(f"{name}: {value}\r\n" for name, value in CREDENTIALS.headers(adapter.url, b"").items())
    size = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    writer.write(f"POST /{adapter.url.split('/', 3)[3]} HTTP/1.1\r\nhost: h\r\n{headers}{size}\r\n\r\n".encode())
    answer = asyncio.create_task(reader.read(20))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass  # the answer has come before the body was sent
    try:
        return await answer
    finally:
        writer.close()


async def test_a_body_that_is_announced_as_too_large_is_refused_before_it_is_sent(adapter: AdapterProcess) -> None:
    assert b" 413 " in await raw(adapter, length=2_000_000)


async def test_a_body_that_grows_too_large_is_not_read_on(adapter: AdapterProcess) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    assert b" 413 " in await raw(adapter, *[chunk] * 17, length=None)
    assert (await post(adapter, encode(sample("redeemables")))).status_code == 202
    assert sum(inbox(adapter).values()) == 1


async def test_slow_clients_are_sent_away_and_hold_up_nobody(new_adapter: NewAdapter) -> None:
    adapter = new_adapter(None, PROMO_PUNCHH_WEBHOOK__BODY_SECONDS="2")
    waiting = [asyncio.create_task(raw(adapter, b"{", length=100)) for _ in range(50)]
    await asyncio.sleep(0.1)
    assert (await post(adapter, encode(sample("redeemables")))).status_code == 202
    assert {answer.split()[1] for answer in await asyncio.gather(*waiting)} == {b"408"}


@pytest.mark.parametrize(("method", "path", "status"), [("PUT", "", 405), ("GET", "/no", 404), ("DELETE", "", 405)])
async def test_other_methods_and_paths_are_refused(
    adapter: AdapterProcess,
    method: str,
    path: str,
    status: int,
) -> None:
    async with httpx2.AsyncClient() as http:
        assert (await http.request(method, adapter.url + path)).status_code == status


async def test_a_database_that_cannot_be_written_makes_punchh_try_again(
    adapter: AdapterProcess,
    punchh: Punchh,
) -> None:
    manager = punchh(adapter)
    assert await manager.activate()
    other = sqlite3.connect(adapter.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    [delivery] = manager.send([sample("redeemables")])
    await until(lambda: len(delivery.statuses) > 0, "an answer")
    assert delivery.statuses[0] == 503
    other.execute("ROLLBACK")
    other.close()
    await manager.settled()
    assert delivery.accepted
    await until(lambda: inbox(adapter)["done"] == 1, "the event was stored once")


async def test_no_secret_is_ever_logged(new_adapter: NewAdapter) -> None:
    adapter = new_adapter("http://127.0.0.1:9", PROMO_PUNCHH_WEBHOOK__SECRET="very-secret-webhook")
    await post(adapter, encode(sample("rewards")))
    await post(adapter, b"{")
    adapter.stop()
    text = adapter.log.read_text()
    for secret in ("very-secret-webhook", adapter.environment["PROMO_PUNCHH_ENGINE__KEY"], "braze-key"):
        assert secret not in text
