"""How the REST API is run: beside the server, and alone."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest
from support.rest import Answer, RestCaller
from support.server_process import KEY, ServerProcess
from support.shop import new_campaign

from promo.client import PromoClient

NewServer = Callable[..., ServerProcess]
REST = {"PROMO_HTTP__LISTEN": "127.0.0.1:0"}
HOST = "promo_server.adapters.rest"

pytestmark = pytest.mark.asyncio


def rest_processes(server: ServerProcess) -> list[psutil.Process]:
    return [child for child in psutil.Process(server.process.pid).children() if HOST in child.cmdline()]


def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


async def campaign_on(server: ServerProcess) -> str:
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        return (await new_campaign(client)).name


def publish(rest: RestCaller, campaign: str, source_id: str = "s-1") -> Answer:
    return rest.post("/v1/publications", {"campaign": campaign, "customer": "u-1", "source_id": source_id})


async def test_callers_of_a_killed_rest_process_wait_for_the_next(new_server: NewServer) -> None:
    server = new_server(**REST)
    rest, campaign = RestCaller(server.rest), await campaign_on(server)
    first = publish(rest, campaign).body["id"]
    (process,) = rest_processes(server)
    process.kill()
    # No connection is refused meanwhile: the socket is the server's.
    answer = publish(rest, campaign)
    assert (answer.status, answer.body["id"]) == (200, first)
    (again,) = rest_processes(server)
    assert again.pid != process.pid


@pytest.mark.extended
async def test_rest_goes_with_a_stopped_and_with_a_killed_server(new_server: NewServer) -> None:
    server = new_server(**REST)
    (process,) = rest_processes(server)
    assert server.stop() == 0
    assert not process.is_running()
    server.start()
    (process,) = rest_processes(server)
    server.kill()
    eventually(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    server.start()
    assert RestCaller(server.rest).get("/healthz").status == 200


async def test_a_request_in_progress_is_answered_before_the_server_stops(new_server: NewServer) -> None:
    server = new_server(**REST)
    campaign = await campaign_on(server)
    rest = RestCaller(server.rest)
    connection = http.client.HTTPConnection(rest.host, rest.port, timeout=30)
    body = f'{{"campaign": "{campaign}", "customer": "u-1"}}'
    connection.putrequest("POST", "/v1/publications")
    for name, value in {**rest.credentials, "Content-Length": str(len(body))}.items():
        connection.putheader(name, value)
    connection.endheaders(body[:10].encode())
    eventually(lambda: bool(psutil.Process(rest_processes(server)[0].pid).net_connections()))
    time.sleep(0.5)  # until the head is read: a connection without a request may be closed
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)  # the stop is under way
    connection.send(body[10:].encode())
    assert connection.getresponse().status == 200
    connection.close()
    assert server.process.wait(30) == 0


async def test_while_the_store_is_away_callers_are_told_to_come_back_and_then_served(new_server: NewServer) -> None:
    server = new_server(**REST)
    rest, campaign = RestCaller(server.rest), await campaign_on(server)
    first = publish(rest, campaign).body["id"]
    os.kill(server.store_pid, signal.SIGSTOP)
    try:
        answer = publish(rest, campaign)
        assert answer.status in {503, 504}
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.key in {"service_unavailable", "timeout"}
    finally:
        os.kill(server.store_pid, signal.SIGKILL)
    eventually(lambda: publish(rest, campaign).status == 200)
    assert publish(rest, campaign).body["id"] == first
    eventually(lambda: rest.get("/healthz").status == 200)


async def test_rest_can_be_turned_off(new_server: NewServer) -> None:
    server = new_server()
    assert server.rest == ""
    assert rest_processes(server) == []


@pytest.mark.extended
async def test_several_processes_share_the_address(new_server: NewServer) -> None:
    server = new_server(**REST, PROMO_HTTP__PROCESSES="2")
    assert len(rest_processes(server)) == 2
    campaign = await campaign_on(server)
    answers = [publish(RestCaller(server.rest), campaign) for _ in range(20)]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body["id"] for answer in answers}) == 1


@pytest.mark.extended
async def test_an_address_in_use_is_said_in_one_line(new_server: NewServer) -> None:
    server = new_server()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server.stop()
        server.environment["PROMO_HTTP__LISTEN"] = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(AssertionError, match=r"promo: http\.listen 127\.0\.0\.1:\d+: .*in use"):
            server.start()
    assert "Traceback" not in server.log.read_text()


def guesses(server: ServerProcess, count: int, address: Callable[[int], str]) -> list[Answer]:
    """Return the answers to wrong keys that are tried at once; a proxy says that they come from `address`."""
    rest = RestCaller(server.rest, "test:wrong")
    with ThreadPoolExecutor(count) as threads:
        get = partial(rest.get, "/v1/vouchers/CODE")
        return list(threads.map(lambda number: get(**{"X-Forwarded-For": address(number)}), range(count)))


@pytest.mark.extended
async def test_wrong_keys_make_their_address_be_refused_unheard_and_no_other(new_server: NewServer) -> None:
    server = new_server(**REST, PROMO_LIMITS__FAILED_AUTHENTICATIONS="5")
    rest = RestCaller(server.rest)
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        new_key = await client.access.create_key(["viewer"])
    unused = RestCaller(server.rest, f"{new_key.id}:{new_key.token}")
    assert rest.get("/v1/vouchers/CODE").status == 404
    started = time.monotonic()
    answers = [answer for _ in range(5) for answer in guesses(server, 40, lambda _: "198.51.100.1")]
    # Those that are under way together are all heard; then one is forgiven a second.
    heard = sum(answer.status == 401 for answer in answers)
    assert 1 <= heard <= 5 + 40 + time.monotonic() - started
    refused = [answer for answer in answers if answer.status == 429]
    assert {answer.key for answer in refused} == {"too_many_requests"}
    assert min(int(answer.headers["retry-after"]) for answer in refused) >= 1
    # Neither who is known at the address nor who is elsewhere is locked out.
    assert rest.get("/v1/vouchers/CODE", **{"X-Forwarded-For": "198.51.100.1"}).status == 404
    assert unused.get("/v1/vouchers/CODE", **{"X-Forwarded-For": "198.51.100.2"}).status == 404
    answers = guesses(server, 40, lambda number: f"203.0.113.{number}")
    assert {answer.status for answer in answers} == {401}


@pytest.mark.extended
async def test_who_is_no_trusted_proxy_is_not_believed_where_a_call_comes_from(new_server: NewServer) -> None:
    limits = {"PROMO_LIMITS__FAILED_AUTHENTICATIONS": "5", "PROMO_HTTP__TRUSTED_PROXIES": "192.0.2.0/24"}
    server = new_server(**REST, **limits)
    eventually(lambda: 429 in {answer.status for answer in guesses(server, 40, lambda number: f"203.0.113.{number}")})


async def test_a_customer_who_guesses_codes_is_stopped_also_where_the_order_says_no_currency(
    new_server: NewServer,
) -> None:
    window = {"PROMO_LIMITS__UNKNOWN_CODES": "10", "PROMO_LIMITS__UNKNOWN_CODES_WINDOW_SECONDS": "86400"}
    rest = RestCaller(new_server(**REST, **window).rest)

    def guess(path: str, customer: str) -> int:
        order = {"items": [{"product_id": "mug", "quantity": 1, "price": 100}]}
        redeemables = [{"object": "voucher", "id": "GUESS"}]
        return rest.post(path, {"redeemables": redeemables, "order": order, "customer": {"source_id": customer}}).status

    paths = ["/v1/redemptions", "/v1/validations"]
    assert [guess(paths[number % 2], "guesser") for number in range(10)] == [404, 200] * 5
    assert [guess(path, "guesser") for path in paths] == [429, 429]
    assert guess(paths[0], "other") == 404


@pytest.mark.extended
async def test_secrets_are_neither_in_the_list_of_processes_nor_in_the_log(new_server: NewServer) -> None:
    server = new_server(**REST)
    token = KEY.partition(":")[2]
    RestCaller(server.rest).get("/v1/vouchers/CODE")
    RestCaller(server.rest, f"nobody:{token}").get("/v1/vouchers/CODE")
    (process,) = rest_processes(server)
    master = (server.state_dir / "master.key").read_text().strip()
    for text in (" ".join(process.cmdline()), server.log.read_text()):
        assert token not in text
        assert master not in text


@contextmanager
def alone(target: str, log: Path) -> Iterator[RestCaller]:
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "promo_adapters.rest.cli", "--target", target, "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        yield RestCaller(line.split("http://")[1].split()[0])
    finally:
        process.terminate()
        assert process.wait(30) == 0
        process.stdout.close()


async def test_rest_alone_serves_over_grpc_and_outlives_restarts_of_the_core(
    new_server: NewServer, tmp_path: Path
) -> None:
    server = new_server()
    campaign = await campaign_on(server)
    with alone(server.target, tmp_path / "rest.log") as rest:
        first = publish(rest, campaign).body["id"]
        assert rest.get("/healthz").status == 200
        server.kill()
        answer = publish(rest, campaign)
        assert (answer.status, answer.key) == (503, "service_unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        assert "details" not in answer.body
        health = rest.get("/healthz")
        assert (health.status, "retry-after" in health.headers) == (503, True)
        server.start()
        eventually(lambda: publish(rest, campaign).status == 200)
        assert publish(rest, campaign).body["id"] == first
        assert rest.get("/healthz").status == 200


async def test_the_command_teaches_and_refuses_what_is_no_address() -> None:
    def promo_rest(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "promo_adapters.rest.cli", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    text = promo_rest("--help").stdout
    assert "X-App-Id" in text
    assert "--target" in text
    done = promo_rest("--listen", "nowhere")
    assert (done.returncode, done.stderr) == (
        1,
        "promo-rest: --listen nowhere: must be host:port, the port 0 to 65535; an IPv6 host stands in brackets\n",
    )
