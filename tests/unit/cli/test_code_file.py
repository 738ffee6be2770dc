from __future__ import annotations

import stat
from contextlib import closing
from pathlib import Path

import pytest

from promo_server.cli import code_file
from promo_server.cli.code_file import CodeFile, Export, rows
from promo_server.cli.command_error import CommandError

SPRING = Export("SPRING", 0, 0, "csv")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "codes.csv"


def interrupted(path: Path, export: Export = SPRING) -> None:
    with closing(CodeFile(path, export)) as file:
        assert file.open(resume=False) == ""
        file.write(b"AAAA\nBBBB\n", "after B")
        file.note("after B")
        file.write(b"CCCC\nDD", "never noted")


def test_file_has_its_name_only_when_it_is_whole(path: Path) -> None:
    with closing(CodeFile(path, SPRING)) as file:
        file.open(resume=False)
        file.write(b"AAAA\n", "token")
        assert not path.exists()
        assert file.finish() == 10
    assert path.read_bytes() == b"code\nAAAA\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_interrupted_export_goes_on_behind_what_was_noted(path: Path) -> None:
    interrupted(path)
    with closing(CodeFile(path, SPRING)) as file:
        assert file.open(resume=True) == "after B"
        file.write(b"CCCC\nDDDD\n", "after D")
        file.finish()
    assert path.read_bytes() == b"code\nAAAA\nBBBB\nCCCC\nDDDD\n"


def test_export_that_noted_nothing_begins_again(path: Path) -> None:
    with closing(CodeFile(path, SPRING)) as file:
        file.open(resume=False)
        file.write(b"AAAA\n", "a")
    with closing(CodeFile(path, SPRING)) as file:
        assert file.open(resume=True) == ""
        file.finish()
    assert path.read_bytes() == b"code\n"


def test_long_export_is_noted_on_the_way(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_file, "_BETWEEN_NOTES", 10)
    with closing(CodeFile(path, Export("SPRING", 0, 0, "txt"))) as file:
        file.open(resume=False)
        file.write(b"AAAA\n", "a")
        file.write(b"BBBB\n", "b")
        file.write(b"CCCC\n", "c")
    with closing(CodeFile(path, Export("SPRING", 0, 0, "txt"))) as file:
        assert file.open(resume=True) == "b"


def test_unfinished_export_is_not_overwritten(path: Path) -> None:
    interrupted(path)
    with pytest.raises(CommandError, match="go on with --resume"):
        CodeFile(path, SPRING).open(resume=False)


def test_whole_file_is_not_overwritten(path: Path) -> None:
    path.touch()
    with pytest.raises(CommandError, match="exists; choose another name"):
        CodeFile(path, SPRING).open(resume=False)


@pytest.mark.parametrize(
    "other", [Export("SUMMER", 0, 0, "csv"), Export("SPRING", 5, 0, "csv"), Export("SPRING", 0, 0, "txt")]
)
def test_unfinished_export_of_something_else_is_left_alone(path: Path, other: Export) -> None:
    interrupted(path)
    with closing(CodeFile(path, other)) as file, pytest.raises(CommandError, match="was begun for campaign SPRING"):
        file.open(resume=True)
    assert b"AAAA" in path.with_name("codes.csv.part").read_bytes()


def test_two_exports_do_not_write_one_file(path: Path) -> None:
    with closing(CodeFile(path, SPRING)) as first, closing(CodeFile(path, SPRING)) as second:
        first.open(resume=False)
        with pytest.raises(CommandError, match="another export"):
            second.open(resume=True)


def test_only_codes_that_need_it_are_quoted_in_csv() -> None:
    assert rows(b"AAAA\nBBBB\n", "csv") == b"AAAA\nBBBB\n"
    assert rows(b'A,A\nB"B\nCC\n', "csv") == b'"A,A"\n"B""B"\nCC\n'
    assert rows(b"A,A\n", "txt") == b"A,A\n"


def test_export_of_which_nothing_came_leaves_nothing_behind(path: Path) -> None:
    with closing(CodeFile(path, SPRING)) as file:
        file.open(resume=False)
        file.discard()
    assert list(path.parent.iterdir()) == []
    with closing(CodeFile(path, SPRING)) as file:
        assert file.open(resume=False) == ""


def test_folder_that_is_not_there_is_refused(path: Path) -> None:
    with pytest.raises(CommandError, match="there is no folder"), closing(CodeFile(path / "x.csv", SPRING)) as file:
        file.open(resume=False)
    assert not path.exists()
