"""A file of codes that grows until it is whole, also over several runs."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Literal

from promo_server.cli.command_error import CommandError

Format = Literal["csv", "txt"]

HEADER = b"code\n"

_BETWEEN_NOTES = 32 << 20
"""Bytes that an interrupted export may have to write again."""


def rows(chunk: bytes, format_: Format) -> bytes:
    """Return lines of codes in a format; in CSV only codes with a comma or a quote look different."""
    if format_ == "txt" or (b"," not in chunk and b'"' not in chunk):
        return chunk
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows((code,) for code in chunk.decode("ascii").splitlines())
    return text.getvalue().encode("ascii")


def require_folder(path: Path) -> None:
    """Refuse a file whose folder is not there: it is rather mistyped than wanted."""
    if not path.parent.is_dir():
        raise CommandError(f"there is no folder {path.parent}; make it first, or choose another")


@dataclass(frozen=True, slots=True)
class Export:
    """What a file holds: `count` codes of a campaign from position `first` on, all that follow when it is 0."""

    campaign: str
    first: int
    count: int
    format: Format


class CodeFile:
    """Writes a file by way of two others: `.part` has what is there so far, `.resume` says how to go on.

    A file of the name itself is always a whole one. Codes are worth money: only their owner can read the files.
    """

    def __init__(self, path: Path, export: Export) -> None:
        """Prepare; nothing is opened before `open`."""
        self.path = path
        self.part = path.with_name(path.name + ".part")
        self._notes = path.with_name(path.name + ".resume")
        self._export = export
        self._file: IO[bytes] | None = None
        self._noted = 0

    def open(self, *, resume: bool) -> str:
        """Open the unfinished file and return the token to go on with, "" to begin; only `resume` may find one."""
        if self.path.exists():
            raise CommandError(f"{self.path} exists; choose another name, or remove it first")
        if self.part.exists() and not resume:
            raise CommandError(f"{self.part} is an unfinished export; go on with --resume, or remove it first")
        require_folder(self.path)
        self._file = os.fdopen(os.open(self.part, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(f"{self.part} is being written by another export; wait for it") from None
        size, token = self._recover()
        self._file.truncate(size)
        self._file.seek(size)
        if not token and self._export.format == "csv":
            self._file.write(HEADER)
        self._noted = size
        return token

    def write(self, chunk: bytes, token: str) -> None:
        """Add codes, after which `token` continues."""
        file = self._opened()
        file.write(rows(chunk, self._export.format))
        if file.tell() - self._noted >= _BETWEEN_NOTES:
            self.note(token)

    def note(self, token: str) -> None:
        """Let a later run go on from here."""
        file = self._opened()
        file.flush()
        os.fsync(file.fileno())
        self._noted = file.tell()
        scratch = self._notes.with_name(self._notes.name + ".new")
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as notes:
            json.dump({"export": asdict(self._export), "bytes": self._noted, "token": token}, notes)
        scratch.rename(self._notes)

    def finish(self) -> int:
        """Give the file its name, on the disk; return its size in bytes."""
        file = self._opened()
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
        self.part.rename(self.path)
        self._notes.unlink(missing_ok=True)
        return size

    def discard(self) -> None:
        """Leave no unfinished file behind, of which nothing was written."""
        self.part.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)

    def close(self) -> None:
        """Keep what was written, for a later run."""
        if self._file is not None:
            self._file.close()

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            raise ValueError("the file was not opened")
        return self._file

    def _recover(self) -> tuple[int, str]:
        """Return how much of the unfinished file counts, and the token that follows it."""
        try:
            notes = json.loads(self._notes.read_text())
        except FileNotFoundError:
            return 0, ""
        except ValueError:
            raise CommandError(f"{self._notes} is damaged; remove it and {self.part}, and begin again") from None
        if notes["export"] != asdict(self._export):
            begun = ", ".join(f"{name} {value}" for name, value in notes["export"].items())
            raise CommandError(f"{self.part} was begun for {begun}; give the same, or remove it")
        size = int(notes["bytes"])
        return (size, str(notes["token"])) if self.part.stat().st_size >= size else (0, "")
