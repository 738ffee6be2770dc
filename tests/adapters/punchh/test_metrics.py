"""What adapters beside the server count, on the server's one page of metrics."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.punchh_adapter import SECRETS, until, write_config
from support.rest import RestCaller
from support.server_process import KEY, ServerProcess
from support.shop import new_campaign

from promo.client import PromoClient
from promo_simulators.punchh.webhooks import WebhooksManager, event

pytestmark = pytest.mark.asyncio
NewServer = Callable[..., ServerProcess]
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def page(server: ServerProcess) -> str:
    connection = http.client.HTTPConnection(server.http, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def value(server: ServerProcess, name: str, **labels: str) -> float:
    """Return the sum of the series that have these labels."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(page(server))
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


@pytest.mark.extended
async def test_rest_requests_are_counted_by_outcome_and_by_process(new_server: NewServer) -> None:
    server = new_server(PROMO_HTTP__LISTEN="127.0.0.1:0", PROMO_HTTP__PROCESSES="2")
    rest = RestCaller(server.rest)
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        campaign = await new_campaign(client)
    for number in range(20):
        assert rest.post("/v1/publications", {"campaign": campaign.name, "customer": f"u-{number}"}).status == 200
    assert rest.get("/v1/vouchers/NOTHING").status == 404
    assert rest.get("/v1/secrets/of/mine").status == 404
    assert rest.raw(b"\x00\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    route = "POST /v1/publications"

    def all_there() -> bool:
        return value(server, "promo_adapter_requests_total", adapter="rest") == 23

    await until(all_there, "the processes have written what they counted")
    counted = {
        (route, "200"): 20,
        ("GET /v1/vouchers/{code}", "404"): 1,
        ("none", "404"): 1,
        ("unread", "400"): 1,
    }
    for (label, status), count in counted.items():
        assert value(server, "promo_adapter_requests_total", route=label, status=status) == count
    assert value(server, "promo_adapter_request_seconds_count", route=route) == 20
    assert value(server, "promo_adapter_request_seconds_bucket", route=route, le="+Inf") == 20
    assert 0 < value(server, "promo_adapter_request_seconds_sum", route=route) < 20 * 10
    # The engines of the processes decide these calls, and count them as the server's own does.
    method = "/promo.v1.PublicationService/Publish"
    by_process = [value(server, "promo_edge_calls_total", method=method, process=f"rest-{n}") for n in range(2)]
    assert sum(by_process) == value(server, "promo_edge_calls_total", method=method) == 20
    assert value(server, "process_resident_memory_bytes", process="rest-1") > 0
    # Only the server asks how the control plane is: others must not say that it is down.
    await until(lambda: value(server, "promo_edge_control_plane_up") == 1, "the server has asked")
    assert "promo_edge_control_plane_up{" not in page(server)
    assert "secrets" not in page(server)


async def test_what_the_punchh_webhook_counts_is_on_the_page(
    tmp_path: Path, new_server: NewServer, punchh: Callable[..., WebhooksManager], braze: Any
) -> None:
    lines = '[[publish]]\nevent = "rewards"\ncampaign_name = "Birthday"\ncampaign = "birthday"\n'
    config = write_config(tmp_path / "punchh", None, braze.address, lines)
    server = new_server(**SECRETS, PROMO_PUNCHH__CONFIG=str(config), PROMO_PUNCHH__LISTEN="127.0.0.1:0")
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as client:
        await new_campaign(client, name="birthday")

    class Webhook:
        url = f"http://{server.punchh}/v1/connectors/punchh/webhook"

    def reward(number: int, **user: str) -> dict[str, Any]:
        return event("rewards", {"reward_id": number, "campaign_name": "Birthday", "user": {"user_id": number, **user}})

    manager = punchh(Webhook())
    assert await manager.activate()
    manager.send([reward(number, external_source_id=f"u-{number}") for number in range(5)], copies=2)
    manager.send([reward(99), event("redeemables", {"redeemable_id": 1})])
    await manager.settled()
    await until(lambda: len(braze.simulator.events_of("rewards")) == 5, "all events at Braze")
    counted = {
        ("promo_punchh_events_total", "family", "rewards", "outcome", "stored"): 6,
        ("promo_punchh_events_total", "family", "rewards", "outcome", "known"): 5,
        ("promo_punchh_events_total", "family", "other", "outcome", "stored"): 1,
        ("promo_punchh_attempts_total", "outcome", "done"): 5,
        ("promo_punchh_attempts_total", "outcome", "waiting"): 1,
        ("promo_punchh_codes_total",): 5,
        ("promo_braze_objects_total", "outcome", "acknowledged"): 5,
        ("promo_adapter_queue_entries", "queue", "punchh", "state", "waiting"): 1,
        ("promo_adapter_queue_entries", "queue", "braze", "state", "pending"): 0,
        ("promo_adapter_requests_total", "adapter", "punchh", "status", "202"): 12,
    }

    def found() -> dict[tuple[str, ...], float]:
        return {
            key: value(server, key[0], process="punchh-0", **dict(zip(key[1::2], key[2::2], strict=True)))
            for key in counted
        }

    await until(lambda: found() == counted, f"{counted}, the last found: {found()}")
    assert value(server, "promo_braze_request_seconds_count", ending="acknowledged") >= 1


@pytest.mark.extended
async def test_metrics_of_a_killed_process_go_on_with_the_next_and_never_keep_the_page_from_the_others(
    new_server: NewServer,
) -> None:
    server = new_server(PROMO_HTTP__LISTEN="127.0.0.1:0")
    rest = RestCaller(server.rest)
    rest.get("/v1/vouchers/NOTHING")
    await until(lambda: value(server, "promo_adapter_requests_total") == 1, "the first was counted")
    children = psutil.Process(server.process.pid).children()
    [process] = [child for child in children if "promo_server.adapters.rest" in child.cmdline()]
    process.kill()
    for _ in range(2):
        rest.get("/v1/vouchers/NOTHING")
    # A new process counts anew, which Prometheus takes for what it is.
    await until(lambda: value(server, "promo_adapter_requests_total") == 2, "the next process has written")
    (server.state_dir / "metrics" / "rest-0.prom").unlink()
    assert "promo_control_call_seconds" in page(server)
