"""The four ways in which Punchh says who it is."""

from __future__ import annotations

import base64

import pytest

from promo_adapters.punchh.authentication import authentication
from promo_adapters.punchh.settings import WebhookSettings
from promo_simulators.punchh.signing import Credentials, Mode

PATH = b"/v1/connectors/punchh/webhook"
BODY = (
    b'{"content_id":"c1","timestamp":1619693178,"business_id":6,"business_uuid":"b","business_slug":"s",'
    b'"event_name":"rewards","event_type":"","action":"create","payload":{"reward_id":10712}}'
)
GET_DIGEST = "59f82b5e701192cd0ae3fd9453cbeaf1f327cd4444a00a571cfa592a02535f2e"
POST_DIGEST = "1ab61ebdc44dca29598adc79c33b20f4178d25c26204800b5a1506ff122a2d6b"
MODES: tuple[Mode, ...] = ("basic", "bearer", "hmac-sha1", "hmac-sha256")


def settings(mode: Mode, **changes: str) -> WebhookSettings:
    return WebhookSettings.model_validate(
        {"auth": mode, "secret": "SECRET", "client": "CLIENT", "username": "CLIENT", **changes},
    )


def digest(value: str, client: str = "CLIENT") -> dict[str, str]:
    return {"authorization": f"hmac {value}", "x-pch-key": client}


@pytest.mark.parametrize(("body", "value"), [(b"", GET_DIGEST), (BODY, POST_DIGEST)])
def test_known_digests_are_right(body: bytes, value: str) -> None:
    checked = authentication(settings("hmac-sha256"))
    assert checked.verifies(digest(value), PATH, body)
    assert checked.verifies(digest(value.upper()), PATH, body)


@pytest.mark.parametrize("mode", MODES)
def test_what_the_simulator_signs_is_taken(mode: Mode) -> None:
    checked = authentication(settings(mode))
    headers = Credentials(mode).headers("http://h:1" + PATH.decode() + "?a=1", BODY)
    assert checked.admits(headers)
    assert checked.verifies(headers, PATH + b"?a=1", BODY)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "bearer"},
        {"authorization": "bearer WRONG", "x-pch-key": "CLIENT"},
        {"authorization": "bearer SÉCRET", "x-pch-key": "CLIENT"},
        {"authorization": "hmac SECRET", "x-pch-key": "CLIENT"},
        digest("0" * 64),
        digest("0" * 40),
        digest(POST_DIGEST, "OTHER"),
        {"authorization": "basic " + base64.b64encode(b"CLIENT:WRONG").decode()},
        {"authorization": "basic SECRET"},
    ],
)
def test_anything_else_is_refused(mode: Mode, headers: dict[str, str]) -> None:
    assert not authentication(settings(mode)).verifies(headers, PATH, BODY)


@pytest.mark.parametrize("change", [(PATH, BODY + b" "), (PATH + b"?x", BODY), (PATH[:-1], BODY), (PATH, b"")])
def test_a_digest_belongs_to_one_path_and_one_body(change: tuple[bytes, bytes]) -> None:
    assert not authentication(settings("hmac-sha256")).verifies(digest(POST_DIGEST), *change)


def test_a_digest_of_another_algorithm_is_refused() -> None:
    headers = Credentials("hmac-sha1").headers("http://h" + PATH.decode(), BODY)
    assert not authentication(settings("hmac-sha256")).verifies(headers, PATH, BODY)
