from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from promo_server.telemetry.logs import configure_logs


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_event_is_one_line_of_json_with_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    structlog.get_logger("promo_server.x").info("code.redeemed", campaign="camp_1", amount=5)
    entry = json.loads(capsys.readouterr().err)
    assert (entry["event"], entry["campaign"], entry["amount"], entry["level"]) == (
        "code.redeemed",
        "camp_1",
        5,
        "info",
    )


def test_secrets_are_redacted_at_any_depth(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    structlog.get_logger("promo_server.x").info(
        "x", token="hide-1", call={"authorization": ["hide-2"], "id": "show"}, master_key="hide-3"
    )
    text = capsys.readouterr().err
    assert "hide" not in text
    assert json.loads(text)["call"] == {"authorization": "***", "id": "show"}


def test_libraries_log_in_the_same_form_and_only_when_something_is_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("info", "json")
    logging.getLogger("library").warning("it %s", "happened")
    logging.getLogger("library").info("quiet")
    lines = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["it happened"]


def test_exception_is_part_of_the_same_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    try:
        int("inside")
    except ValueError:
        structlog.get_logger("promo_server.x").exception("call.failed")
    entry = json.loads(capsys.readouterr().err)
    assert "ValueError: invalid literal" in entry["exception"]


@pytest.mark.parametrize("form", ["console", "json"])
def test_traceback_has_no_values_of_variables(
    form: Literal["console", "json"], capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("info", form)
    store_url = "redis://:" + "hid" + "den@store"
    try:
        store_url.index("nothing")
    except ValueError:
        structlog.get_logger("promo_server.x").exception("call.failed")
    text = capsys.readouterr().err
    assert "ValueError: substring not found" in text
    assert "hidden" not in text
