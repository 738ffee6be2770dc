"""What tables show in a terminal and in a pipe."""

from __future__ import annotations

import pytest

from promo_server.cli.output import print_fields, print_table

ROW = (
    "camp_syleah2zoaeobjox",
    "SPRING",
    "20 % off the order, at most 50.00 GBP",
    "1,000,000,000",
    "2026-11-26T11:17:46Z",
)
COLUMNS = ("id", "name", "gives", "codes", "created")


def test_narrow_terminal_breaks_texts_and_nothing_that_is_copied(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    for columns in ("80", "40"):
        monkeypatch.setenv("COLUMNS", columns)
        print_table(COLUMNS, [ROW])
        shown = capsys.readouterr().out
        assert all(cell in shown for cell in ROW if " " not in cell)
        assert len(shown.splitlines()) > 2
        print_fields([("etag", "e" * 60), ("gives", "one two " * 10)])
        assert "e" * 60 in capsys.readouterr().out


def test_row_in_a_pipe_is_one_line_however_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    long = "word " * 200
    print_table(COLUMNS, [(*ROW[:4], long.strip())])
    assert long.strip() in capsys.readouterr().out.splitlines()[1]
