"""The rows of a file of codes, in CSV or JSON: one code each, with the line that it is on."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from promo_server.cli.command_error import CommandError

RowFormat = Literal["csv", "json", "txt"]

_FORMATS: dict[str, RowFormat] = {".csv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json"}
_COLUMN = "code"
_HASHED_AT_ONCE = 1 << 20
_LARGEST_CELL = 1 << 20
_LONGEST = 200
"""Characters of a code that are sent; the server refuses shorter ones."""


def format_of(path: Path) -> RowFormat:
    """Return the format that a file's name ends in, txt where it says nothing."""
    return _FORMATS.get(path.suffix.lower(), "txt")


def fingerprint(path: Path) -> str:
    """Return what tells a file from another: whoever goes on with an import must have the same one."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_HASHED_AT_ONCE):
            digest.update(piece)
    return f"sha256:{digest.hexdigest()}"


def rows(path: Path, format_: RowFormat) -> Iterator[tuple[int, str]]:
    """Yield (line, code) of each row; what cannot be a code is the server's to say.

    A CSV file has a column named code. JSON is one array, or a document on each line; an entry is a text, or an object
    with a text `code`. Bytes that are no UTF-8 become U+FFFD.
    """
    match format_:
        case "csv":
            return _csv(path)
        case "json":
            return _json(path)
        case "txt":
            return _text(path)


def _csv(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        csv.field_size_limit(_LARGEST_CELL)
        reader = csv.reader((line.replace("\x00", "\ufffd") for line in file), strict=True)
        column, last = 0, 0
        try:
            for number, cells in enumerate(reader):
                line, last = last + 1, reader.line_num
                if number == 0:
                    names = [cell.strip().lower() for cell in cells]
                    if _COLUMN not in names:
                        raise CommandError(
                            f"{path} begins with {', '.join(names)[:_LONGEST]}; a column must be named code, and "
                            "commas stand between columns; --format txt is for a file with a code on each line"
                        )
                    column = names.index(_COLUMN)
                elif cells:
                    yield line, cells[column].strip()[:_LONGEST] if column < len(cells) else ""
        except csv.Error as error:
            # It is found where the file or what a cell may hold ends, lines after the one to look at.
            raise CommandError(
                f"{path}: the row that begins on line {last + 1} cannot be read ({error}); a cell that begins with a "
                "quote must end with one"
            ) from None


def _text(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for line, text in enumerate(file, 1):
            if text.strip():
                yield line, text.strip()[:_LONGEST]


def _json(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = file.read(1)
        while first.isspace():
            first = file.read(1)
        file.seek(0)
        if first == "[":
            yield from _array(path, file.read())
            return
        for line, text in enumerate(file, 1):
            if text.strip():
                yield line, _code(_entry(text))


def _array(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Yield the entries of an array, each with the number that it has in it, from 1."""
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise CommandError(f"{path} line {error.lineno}: {error.msg}; it must be one JSON array") from None
    except RecursionError:
        raise CommandError(f"{path} is nested too deeply; it must have texts, or objects with a text `code`") from None
    for number, entry in enumerate(entries, 1):
        yield number, _code(entry)


def _entry(text: str) -> object:
    """Return the document on a line; None, which has no code, where there is none."""
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return None


def _code(entry: object) -> str:
    """Return the code of an entry; one without is sent as an empty code, so that the refusal names its line."""
    code = entry.get(_COLUMN) if isinstance(entry, dict) else entry
    if not isinstance(code, str):
        return ""
    # A lone half of a surrogate pair, which JSON can spell, is no text.
    return code.strip()[:_LONGEST].encode(errors="replace").decode()
