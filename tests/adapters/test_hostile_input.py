from __future__ import annotations

import json
import socket
import threading
from typing import Any

import pytest
from support.rest import FORM, RestCaller

from promo.client import PromoClient

HOSTILE = [
    "%00",
    "%0A",
    "..%2F..%2Fetc%2Fpasswd",
    "%F0%9F%8E%81",
    "%27%20OR%201%3D1",
    "%7B%7B7*7%7D%7D",
    "A" * 129,
    "A" * 8000,
    "%25s%25n",
    "null",
    "%E2%80%AE",
]


def is_error(answer: Any) -> bool:
    return {"code", "key", "message", "request_id"} <= set(answer.body) and answer.body["code"] == answer.status


@pytest.mark.parametrize("code", HOSTILE)
def test_no_text_in_a_path_is_more_than_an_unknown_code(rest: RestCaller, code: str) -> None:
    answer = rest.get(f"/v1/vouchers/{code}")
    assert answer.status in {400, 404}
    assert is_error(answer)


def test_a_path_that_is_no_text_is_refused(rest: RestCaller) -> None:
    answer = rest.get("/v1/vouchers/%FF%FE")
    assert answer.status == 400
    assert is_error(answer)


def test_an_encoded_slash_belongs_to_the_code_and_a_bare_one_to_the_path(rest: RestCaller) -> None:
    answer = rest.get("/v1/vouchers/A%20B%2F%25x")
    assert (answer.status, answer.body["resource_id"]) == (404, "A B/%x")
    assert "resource_id" not in rest.get("/v1/vouchers/A/redemption").body


@pytest.mark.parametrize("code", ["\x00", "\u202e", "🎁" * 200, "", "' OR 1=1", "{{7*7}}", " "])
def test_no_text_in_a_body_is_more_than_an_unknown_code(rest: RestCaller, code: str) -> None:
    body = {"redeemables": [{"object": "voucher", "id": code}], "order": {"amount": 100}}
    for path in ("/v1/validations", "/v1/redemptions"):
        answer = rest.post(path, body)
        assert answer.status in {200, 400, 404}
        if answer.status == 200:
            assert answer.body["valid"] is False


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b"7",
        b"nil",
        b"\xff\xfe",
        b'{"campaign": "\xff", "customer": "u"}',
        b'{"campaign": "\\ud800", "customer": "u"}',
        b'{"campaign": "c", "customer": "u", "metadata": ' + b"[" * 20_000,
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"campaign[": "c"}',
        b'{"campaign": "c", "campaign[name]": "c", "customer": "u"}',
        b'{"campaign": "c", "customer": "u", "metadata": {"n": NaN}}',
        b"{} trailing",
    ],
)
def test_a_body_that_is_no_json_object_is_refused(rest: RestCaller, body: bytes) -> None:
    answer = rest.post("/v1/publications", body)
    assert (answer.status, answer.key) == (400, "invalid_payload"), answer.body
    assert is_error(answer)


@pytest.mark.parametrize(
    "body",
    [b"campaign=%FF&customer=u", b"campaign=\xff&customer=u", b"&".join([b"a=1"] * 2000), b"a[b]=1&a[b][c]=2"],
)
def test_a_form_that_makes_no_sense_is_refused(rest: RestCaller, body: bytes) -> None:
    answer = rest.post("/v1/publications", body, content_type=FORM)
    assert (answer.status, answer.key) == (400, "invalid_payload"), answer.body


@pytest.mark.parametrize("query", ["campaign=%FF&customer=u", "a" * 5000 + "=1", "customer[" + "[a]" * 500 + "=1"])
def test_a_query_that_makes_no_sense_is_refused(rest: RestCaller, query: str) -> None:
    answer = rest.get(f"/v1/publications/create?{query}")
    assert (answer.status, answer.key) == (400, "invalid_query_params"), answer.body


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x"])
def test_a_body_of_another_kind_is_refused(rest: RestCaller, kind: str) -> None:
    assert rest.post("/v1/publications", b"--x--", content_type=kind).status == 415


def test_a_compressed_body_is_refused(rest: RestCaller) -> None:
    assert rest.post("/v1/publications", b"\x1f\x8b", **{"Content-Encoding": "gzip"}).status == 415


def test_a_body_too_large_is_refused_before_it_is_read(rest: RestCaller) -> None:
    credentials = "".join(f"{name}: {value}\r\n" for name, value in rest.credentials.items())
    head = f"POST /v1/publications HTTP/1.1\r\nHost: x\r\n{credentials}Content-Length: {2**40}\r\n\r\n"
    answer = rest.raw(head.encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"key":"payload_too_large"' in answer


def test_a_body_that_grows_too_large_is_refused(rest: RestCaller) -> None:
    credentials = "".join(f"{name}: {value}\r\n" for name, value in rest.credentials.items())
    head = f"POST /v1/publications HTTP/1.1\r\nHost: x\r\n{credentials}Transfer-Encoding: chunked\r\n\r\n"
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    assert rest.raw(head.encode() + chunk * 5).startswith(b"HTTP/1.1 413 ")


def test_a_body_of_the_largest_size_is_read(rest: RestCaller) -> None:
    body = json.dumps({"campaign": "nowhere", "customer": "u"}).ljust(65_536)
    assert rest.post("/v1/publications", body).status == 404
    assert rest.post("/v1/publications", body + " ").status == 413


@pytest.mark.parametrize(
    "sent",
    [b"", b"\r\n", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"],
    ids=["nothing", "an empty line", "half a line", "headers without end"],
)
def test_a_client_that_does_not_finish_its_head_is_let_go(rest: RestCaller, sent: bytes) -> None:
    assert rest.raw(sent).startswith(b"HTTP/1.1 408 ")


def test_a_connection_is_not_kept_for_a_second_request_that_never_begins(rest: RestCaller) -> None:
    with socket.create_connection((rest.host, rest.port), timeout=30) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        while not received.endswith(b"}"):
            received += connection.recv(65_536)
        assert received.startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 408 ")


def test_a_client_that_does_not_finish_its_body_is_let_go(rest: RestCaller) -> None:
    credentials = "".join(f"{name}: {value}\r\n" for name, value in rest.credentials.items())
    head = f"POST /v1/publications HTTP/1.1\r\nHost: x\r\n{credentials}Content-Length: 100\r\n\r\n"
    answer = rest.raw(head.encode() + b'{"campaign')
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer


def test_slow_clients_keep_nobody_waiting(rest: RestCaller) -> None:
    slow = [socket.create_connection((rest.host, rest.port)) for _ in range(200)]
    try:
        for connection in slow:
            connection.sendall(b"POST /v1/publications HTTP/1.1\r\nContent-Length: 9\r\n")
        answers: list[int] = []
        threads = [threading.Thread(target=lambda: answers.append(rest.get("/healthz").status)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [200] * 8
    finally:
        for connection in slow:
            connection.close()


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x00" * 100 + b"\r\n\r\n",
        b"GET /v1/vouchers/\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + b"".join(b"x-%d: %s\r\n" % (n, b"a" * 1000) for n in range(40)),
    ],
    ids=["TLS", "version", "zeros", "path", "headers"],
)
def test_what_is_no_request_is_answered_and_ended(rest: RestCaller, data: bytes) -> None:
    assert rest.raw(data).startswith(b"HTTP/1.1 400 ")


def test_paths_and_methods_that_do_not_exist_say_so(rest: RestCaller) -> None:
    missing, wrong = rest.get("/v1/nothing"), rest.send("DELETE", "/v1/publications", None, rest.credentials)
    assert (missing.status, missing.key, missing.body["details"]) == (404, "not_found", "no such route")
    assert (wrong.status, wrong.key) == (405, "method_not_allowed")
    assert wrong.body["details"] == "the route does not take this method"


WRONG = [
    {},
    {"X-App-Id": "test"},
    {"X-App-Token": "0123456789abcdef0123456789abcdef"},
    {"X-App-Id": "test", "X-App-Token": "wrong"},
    {"X-App-Id": "nobody", "X-App-Token": "0123456789abcdef0123456789abcdef"},
    {"X-App-Id": "te:st", "X-App-Token": "0123456789abcdef0123456789abcdef"},
    {"X-App-Id": "te\xe9st", "X-App-Token": "0123456789abcdef0123456789abcdef"},
    {"X-App-Id": "a" * 5000, "X-App-Token": "b" * 5000},
    {"Authorization": "Basic !"},
    {"Authorization": "Basic dGVzdDp3cm9uZw=="},
    {"Authorization": "Bearer test:0123456789abcdef0123456789abcdef"},
]


@pytest.mark.parametrize("headers", WRONG)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/publications"),
        ("GET", "/v1/publications/create?campaign=c&customer=u"),
        ("POST", "/v1/validations"),
        ("POST", "/v1/redemptions"),
        ("POST", "/v1/redemptions/r_1/rollback"),
        ("POST", "/v1/redemptions/r_1/rollbacks"),
        ("GET", "/v1/vouchers/CODE"),
    ],
)
def test_wrong_credentials_open_nothing(rest: RestCaller, method: str, path: str, headers: dict[str, str]) -> None:
    body = {
        "campaign": "c",
        "customer": "u",
        "redeemables": [{"object": "voucher", "id": "CODE"}],
        "order": {"amount": 1},
    }
    sent = json.dumps(body) if method == "POST" else None
    answer = rest.send(method, path, sent, {"Content-Type": "application/json", **headers})
    assert (answer.status, answer.key) == (401, "unauthorized")
    assert is_error(answer)


def test_a_stored_credential_of_a_marketing_platform_opens_the_same(rest: RestCaller) -> None:
    basic = {"Authorization": "Basic dGVzdDowMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg=="}
    assert rest.send("GET", "/v1/vouchers/NOTHING", None, basic).status == 404


@pytest.mark.asyncio
async def test_a_key_without_the_scope_is_refused_and_says_which(client: PromoClient, rest: RestCaller) -> None:
    key = await client.access.create_key(["viewer"])
    viewer = RestCaller(f"{rest.host}:{rest.port}", f"{key.id}:{key.token}")
    answer = viewer.post("/v1/publications", {"campaign": "c", "customer": "u"})
    assert (answer.status, answer.key) == (403, "missing_required_permission")
    assert "publications.write" in answer.body["details"]
