"""What tables show in a terminal and in a pipe."""

from __future__ import annotations

import io

import pytest

from promo_server.cli.output import confirm, print_fields, print_hint, print_line, print_table

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


ODD = ("SAVE:100:OFF", "a:key:b", "[red]x[/red]", r"x\[/b]", "[/b]", r"\\[x]", "C:\\")
"""What codes, ids and reasons of others may look like: emoji names and markup, closed or not."""


@pytest.mark.parametrize("text", ODD)
def test_text_of_others_is_shown_as_it_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_table((text, "other"), [(text, "y")], text)
    print_fields([(text, text)])
    print_line(text)
    shown = capsys.readouterr().out
    assert [line.split() for line in shown.splitlines()] == [[text], [text, "other"], [text, "y"], [text, text], [text]]
    print_hint(text)
    assert capsys.readouterr().err == f"{text}\n"


@pytest.mark.parametrize("text", ODD)
def test_question_has_text_of_others_as_it_is(
    text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    confirm(f"Deleting {text}", yes=False)
    assert f"Deleting {text}? It cannot be undone" in "".join(capsys.readouterr())
