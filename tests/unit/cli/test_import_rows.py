"""Files of codes: each row with its line, whatever the file has in it."""

from __future__ import annotations

import json
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promo_server.cli.code_import import _chunks
from promo_server.cli.command_error import CommandError
from promo_server.cli.import_rows import RowFormat, fingerprint, format_of, rows


def read(tmp_path: Path, text: str | bytes, format_: RowFormat) -> list[tuple[int, str]]:
    file = tmp_path / "codes"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(rows(file, format_))


@pytest.mark.parametrize(
    ("format_", "text", "found"),
    [
        ("csv", "code\nA\n\nC", [(2, "A"), (4, "C")]),
        ("csv", "\ufeffid,Code\n1,A\n2, B \n3\n", [(2, "A"), (3, "B"), (4, "")]),
        ("csv", 'code,note\nA,"two\nlines"\nB,x\n', [(2, "A"), (4, "B")]),
        ("csv", b"code\n\xff\xfe\n", [(2, "\ufffd\ufffd")]),
        ("csv", b"code\nA\x00B\n", [(2, "A\ufffdB")]),
        ("txt", " A \n\nB", [(1, "A"), (3, "B")]),
        ("json", '["A", {"code": "B", "x": 1}, 3, {}]', [(1, "A"), (2, "B"), (3, ""), (4, "")]),
        ("json", '"A"\n\n{"code": "B"}\nno json\n', [(1, "A"), (3, "B"), (4, "")]),
        ("json", '["\\ud800"]', [(1, "?")]),
        ("json", "", []),
        ("csv", "", []),
    ],
)
def test_rows_have_the_lines_that_a_person_would_look_at(
    tmp_path: Path, format_: RowFormat, text: str | bytes, found: list[tuple[int, str]]
) -> None:
    assert read(tmp_path, text, format_) == found


@pytest.mark.parametrize("text", ["id,name\n1,x\n", "kode\nA-1\n", "A-1\nA-2\n"])
def test_a_csv_file_without_a_column_of_codes_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(CommandError, match="a column must be named code, and commas stand between"):
        read(tmp_path, text, "csv")


@pytest.mark.parametrize(
    "rest",
    ['B,"never closed\nC,x\nD,x\n', 'B,"closed\nC,x"y\n', 'B,"' + "too long\n" * 200_000],
    ids=["end", "text", "long"],
)
def test_a_quote_that_would_swallow_the_lines_after_it_is_refused_with_its_line(tmp_path: Path, rest: str) -> None:
    with pytest.raises(CommandError, match=r"row that begins on line 4 cannot be read .* must end with one"):
        read(tmp_path, f'code,note\n"A","two\nlines"\n{rest}', "csv")


@pytest.mark.parametrize("text", ["[1,", "[" * 100_000])
def test_an_array_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(CommandError):
        read(tmp_path, text, "json")


def test_the_name_of_a_file_tells_its_format() -> None:
    names = ("a.csv", "a.JSON", "a.ndjson", "a.txt", "a")
    assert [format_of(Path(name)) for name in names] == ["csv", "json", "json", "txt", "txt"]


@given(data=st.binary(max_size=200), format_=st.sampled_from(["csv", "json", "txt"]))
def test_any_file_has_rows_or_a_reasoned_refusal(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, format_: RowFormat
) -> None:
    try:
        found = read(tmp_path_factory.mktemp("any"), data, format_)
    except CommandError:
        return
    for line, code in found:
        assert line >= 1
        json.dumps(code).encode()
        code.encode()


def test_another_file_has_another_fingerprint(tmp_path: Path) -> None:
    file = tmp_path / "codes"
    file.write_text("A\n")
    before = fingerprint(file)
    file.write_text("B\n")
    assert fingerprint(file) != before


def test_long_junk_goes_in_chunks_that_a_server_takes_and_that_are_the_same_in_every_run(tmp_path: Path) -> None:
    file = tmp_path / "codes.txt"
    file.write_text("\n".join([*("é" * 5_000 for _ in range(9_000)), *(f"A-{n}" for n in range(120_000))]))
    chunks = list(_chunks(file, "txt", array("Q")))
    assert max(sum(len(code.encode()) for code in chunk.codes) for chunk in chunks) <= 1 << 20
    assert max(len(chunk.codes) for chunk in chunks) == 50_000
    assert sum(len(chunk.codes) for chunk in chunks) == 129_000
    assert [chunk.first_row for chunk in chunks[1:]] == [chunk.end for chunk in chunks[:-1]]
    assert list(_chunks(file, "txt", array("Q"))) == chunks


def test_a_code_behind_many_blanks_is_sent_whole(tmp_path: Path) -> None:
    file = tmp_path / "codes.txt"
    file.write_text(" " * 500 + "SHOP-1" + " " * 500 + "\n")
    assert list(rows(file, "txt")) == [(1, "SHOP-1")]
