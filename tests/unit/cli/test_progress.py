from __future__ import annotations

import io

import pytest
from rich.console import Console

from promo_server.cli import progress
from promo_server.cli.progress import Progress


def test_plain_lines_tell_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.0)
    text = io.StringIO()
    with Progress("orders", 2_000, console=Console(file=text)) as shown:
        shown.update(1_000, "12 [redeemed]")
        shown.update(2_000)
    assert text.getvalue().splitlines() == [
        "orders: 1,000 of 2,000  12 [redeemed]",
        "orders: 2,000 of 2,000",
    ]


def test_lines_are_few() -> None:
    text = io.StringIO()
    with Progress("orders", None, console=Console(file=text)) as shown:
        for done in range(1_000):
            shown.update(done + 1)
    assert text.getvalue().splitlines() == ["orders: 1,000"]


def test_terminal_gets_a_bar() -> None:
    text = io.StringIO()
    with Progress("orders", 10, console=Console(file=text, force_terminal=True, width=100)) as shown:
        shown.update(10, "12 [redeemed]")
    assert "━" in text.getvalue()
    assert "10/10" in text.getvalue()
    assert "  12 [redeemed]" in text.getvalue()
