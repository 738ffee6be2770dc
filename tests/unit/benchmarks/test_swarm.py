from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import swarm


def command(*words: str) -> list[str]:
    options, others = swarm.arguments(words)
    return swarm.locust(options, others, Path("summary.json"))


def test_without_options_it_runs_half_a_minute_against_this_machine() -> None:
    made = command("grpc")
    assert made[made.index("--host") + 1] == made[made.index("--grpc") + 1] == "127.0.0.1:50600"
    assert "--headless" in made
    assert made[made.index("--run-time") + 1] == "30s"


def test_rest_shoppers_call_the_adapter_and_make_their_campaign_over_grpc() -> None:
    made = command("rest", "--grpc", "127.0.0.1:1")
    assert made[made.index("--host") + 1] == "http://127.0.0.1:50680"
    assert made[-2:] == ["--grpc", "127.0.0.1:1"]


def test_the_browser_drives_a_run_that_listens_on_this_machine_only() -> None:
    made = command("grpc", "--web", "--web-port", "8090")
    assert "--headless" not in made
    assert made[made.index("--web-host") + 1] == "127.0.0.1"
    assert made[-2:] == ["--web-port", "8090"]


def test_options_of_locust_are_passed_on_and_ours_are_not() -> None:
    made = command("grpc", "--json", "--processes", "2")
    assert made[-2:] == ["--processes", "2"]
    assert "--json" not in made


def test_the_key_is_no_argument() -> None:
    assert not any("key" in word for word in command("grpc"))


def test_a_run_without_an_end_has_no_result(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command("grpc", "--web", "--json")
    assert "--web has no end" in capsys.readouterr().err
