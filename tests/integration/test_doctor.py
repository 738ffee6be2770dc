"""`promo doctor` beside a server."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import forks
from support.certificates import Certificate, needs_openssl, self_signed
from support.server_process import ServerProcess

NewServer = Callable[..., ServerProcess]


def doctor(server: ServerProcess, **environment: str) -> tuple[int, dict[str, Any]]:
    """Return the exit status of the command and what each check found."""
    done = forks.run(forks.PROMO, ["doctor", "--json"], {**server.environment, **environment})
    report = json.loads(done.stdout)
    assert report["ok"] is (done.returncode == 0), done.stderr
    return done.returncode, {check["check"]: check for check in report["checks"]}


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return self_signed(tmp_path, "engine.test")


@pytest.fixture
def secure_server(new_server: NewServer, certificate: Certificate) -> ServerProcess:
    return new_server(
        PROMO_GRPC__TLS_CERTIFICATE=str(certificate.file), PROMO_GRPC__TLS_PRIVATE_KEY=str(certificate.key)
    )


def test_doctor_finds_nothing_wrong_with_a_running_server(server: ServerProcess) -> None:
    status, found = doctor(server)
    assert status == 0
    assert found["server"]["result"] == "ok"
    assert "valkey" in found["store"]["detail"]
    assert "revision" in found["sql"]["detail"]
    assert found["access"]["result"] == "ok"
    release = "profile release" in found["extension"]["detail"]
    assert (found["extension"]["result"], found["extension"]["next_step"]) == (
        ("ok", "") if release else ("note", "scripts/install --release")
    )


def test_doctor_finds_that_the_server_is_not_of_its_state_directory(server: ServerProcess, tmp_path: Path) -> None:
    other = {"PROMO_STATE_DIR": str(tmp_path / "other"), "PROMO_AUTH__BOOTSTRAP_KEYS": f"own:{'x' * 32}"}
    status, found = doctor(server, **other)
    assert (status, found["access"]["result"]) == (1, "failed")
    assert "PROMO_STATE_DIR" in found["access"]["next_step"]


def test_doctor_calls_the_server_of_its_settings_whatever_commands_call(server: ServerProcess) -> None:
    status, found = doctor(server, PROMO_TARGET="127.0.0.1:1")
    assert (status, found["access"]["result"]) == (0, "ok")
    status, found = doctor(server, PROMO_TARGET="127.0.0.1:1", PROMO_KEY=f"theirs:{'x' * 32}")
    assert (status, found["access"]["result"]) == (0, "note")
    assert "PROMO_TARGET, 127.0.0.1:1" in found["access"]["detail"]
    same = server.target.replace("127.0.0.1", "localhost")
    status, found = doctor(server, PROMO_TARGET=same, PROMO_KEY=f"wrong:{'x' * 32}")
    assert (status, found["access"]["result"]) == (1, "failed")


def test_doctor_notes_that_a_server_hangs_and_gives_no_advice_about_keys(new_server: NewServer) -> None:
    server = new_server()
    server.process.send_signal(signal.SIGSTOP)
    try:
        status, found = doctor(server)
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert (status, found["server"]["result"], found["access"]["result"]) == (0, "ok", "note")
    assert found["access"]["detail"].startswith(f"{server.target} listens, but gives no answer: ")
    assert found["access"]["next_step"] == ""


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PROMO_KEY": "nobody"}, "not checked: a key is written id:token"),
        ({"PROMO_TARGET": "nowhere"}, "not checked: PROMO_TARGET: must be host:port"),
    ],
)
def test_doctor_notes_that_commands_cannot_call(server: ServerProcess, environment: dict[str, str], said: str) -> None:
    status, found = doctor(server, **environment)
    assert (status, found["access"]["result"]) == (0, "note")
    assert found["access"]["detail"].startswith(said)


@needs_openssl
def test_doctor_calls_a_server_with_tls_as_commands_do_and_says_what_they_lack(
    secure_server: ServerProcess, certificate: Certificate, tmp_path: Path
) -> None:
    status, found = doctor(secure_server)
    assert (status, found["server"]["result"], found["access"]["result"]) == (0, "ok", "note")
    assert found["access"]["detail"].startswith("not checked: the server wants TLS")
    assert "PROMO_TLS=true" in found["access"]["next_step"]

    status, found = doctor(secure_server, PROMO_TLS="true")
    assert (status, found["access"]["result"]) == (0, "note")
    assert "PROMO_TLS_CA" in found["access"]["next_step"]

    trusting = {"PROMO_TLS_CA": str(certificate.file), "PROMO_TARGET": "engine.test:50600"}
    status, found = doctor(secure_server, **trusting)
    assert (status, found["access"]["detail"]) == (0, "the key opens campaigns")

    status, found = doctor(secure_server, **trusting, PROMO_KEY=f"other:{'x' * 32}")
    assert (status, found["access"]["result"]) == (1, "failed")

    status, found = doctor(secure_server, PROMO_TLS_CA=str(tmp_path / "none.pem"))
    assert (status, found["access"]["detail"]) == (0, f"not checked: {tmp_path}/none.pem: No such file or directory")


@needs_openssl
def test_doctor_notes_that_commands_have_no_certificate_to_show(
    new_server: NewServer, certificate: Certificate
) -> None:
    server = new_server(
        PROMO_GRPC__TLS_CERTIFICATE=str(certificate.file),
        PROMO_GRPC__TLS_PRIVATE_KEY=str(certificate.key),
        PROMO_GRPC__TLS_CLIENT_CA=str(certificate.file),
    )
    status, found = doctor(server, PROMO_TLS="true")
    assert (status, found["server"]["result"], found["access"]["result"]) == (0, "ok", "note")
    assert found["access"]["detail"].startswith("not checked: the server wants certificates of clients")
