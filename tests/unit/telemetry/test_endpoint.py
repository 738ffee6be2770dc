from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from prometheus_client.parser import text_string_to_metric_families

from promo_server.telemetry.endpoint import TelemetryEndpoint
from promo_server.telemetry.metrics import ControlPlaneMetrics, health_page, metrics_page

CALLS = '# HELP promo_calls_total Calls.\n# TYPE promo_calls_total counter\npromo_calls_total{code="OK"} 7\n'
HEALTH = {"store": True}


def broken() -> tuple[HTTPStatus, str, bytes]:
    raise ValueError("inside")


@pytest.fixture
def endpoint() -> Iterator[TelemetryEndpoint]:
    metrics = ControlPlaneMetrics()
    metrics.observe_call("/promo.v1.CampaignService/GetCampaign", "OK", 0.01)
    metrics.count_restarts(lambda: 3)
    pages = {
        "/metrics": metrics_page(
            metrics.registry, lambda: CALLS, lambda: {"rest-0": CALLS, "archive": "promo_lag 3\n"}
        ),
        "/healthz": health_page(lambda: HEALTH),
        "/broken": broken,
    }
    endpoint = TelemetryEndpoint("127.0.0.1", 0, pages)
    yield endpoint
    endpoint.close()


def get(endpoint: TelemetryEndpoint, path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection(endpoint.address, timeout=5)
    connection.request(method, path)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, body


def test_metrics_of_both_planes_and_of_other_processes_are_on_one_page(endpoint: TelemetryEndpoint) -> None:
    status, text = get(endpoint, "/metrics?x=1")
    assert status == 200
    lines = text.splitlines()
    assert 'promo_calls_total{code="OK"} 7.0' in lines
    assert 'promo_calls_total{code="OK",process="rest-0"} 7.0' in lines
    assert 'promo_lag{process="archive"} 3.0' in lines
    assert "promo_embedded_store_restarts_total 3.0" in lines
    assert any(line.startswith("promo_control_call_seconds_count{") and line.endswith(" 1.0") for line in lines)


def test_what_several_processes_measure_is_one_family(endpoint: TelemetryEndpoint) -> None:
    _, text = get(endpoint, "/metrics")
    assert text.count("# TYPE promo_calls_total counter") == 1
    families = [family.name for family in text_string_to_metric_families(text)]
    assert len(families) == len(set(families))


def test_health_is_503_as_soon_as_one_check_fails(endpoint: TelemetryEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    assert get(endpoint, "/healthz") == (200, '{"status": "ok", "checks": {"store": true}}\n')
    monkeypatch.setitem(HEALTH, "store", False)  # noqa: FBT003 - the check's answer
    assert get(endpoint, "/healthz")[0] == 503


def test_unknown_path_and_method_are_refused(endpoint: TelemetryEndpoint) -> None:
    assert get(endpoint, "/../etc/passwd")[0] == 404
    assert get(endpoint, "/metrics", "POST")[0] == 501


def test_page_that_fails_tells_nothing_and_the_next_one_works(endpoint: TelemetryEndpoint) -> None:
    assert get(endpoint, "/broken") == (500, "internal error\n")
    assert get(endpoint, "/healthz")[0] == 200


def test_garbage_and_silent_clients_do_not_block_others(endpoint: TelemetryEndpoint) -> None:
    host, port = endpoint.address.split(":")
    with socket.create_connection((host, int(port))) as silent, socket.create_connection((host, int(port))) as hostile:
        hostile.sendall(b"\x00\xff" * 40_000 + b"\r\n\r\n")
        assert get(endpoint, "/healthz")[0] == 200
        assert silent.fileno() > 0
