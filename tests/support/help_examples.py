"""The examples of `--help`, as one who copies them types them: with redirections, settings before them and comments."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shlex
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cyclopts import App
from support.forks import PROMO, Fork

_INDENTED = "    "
_SETTING = re.compile(r"[A-Z_]+=")
_SECONDS = 60
_POLL_SECONDS = 0.1


def texts(app: App, path: tuple[str, ...] = ("promo",)) -> Iterator[tuple[str, str]]:
    """Yield every command and group, as it is typed, with what its help says."""
    yield " ".join(path), str(app.help)
    for name in app:
        if not name.startswith("-"):
            yield from texts(app[name], (*path, name))


def examples(text: str) -> list[str]:
    """Return the lines of a help text that are examples: those that are indented."""
    return [line.strip() for line in text.splitlines() if line.startswith(_INDENTED)]


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """An example, taken apart as a shell does it."""

    arguments: tuple[str, ...]
    settings: Mapping[str, str]
    reads: str | None
    writes: str | None


def parse(example: str) -> Line:
    """Take an example apart. Raise AssertionError when it is no call of `promo`."""
    lexer = shlex.shlex(example, posix=True, punctuation_chars="<>|;&()")
    lexer.whitespace_split = True
    words = list(lexer)
    settings: dict[str, str] = {}
    while words and _SETTING.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        settings[name] = value
    assert words[:1] == ["promo"], f"{example!r} does not call promo"
    streams: dict[str, str | None] = {"<": None, ">": None}
    for sign in streams:
        if sign in words:
            at = words.index(sign)
            streams[sign] = words[at + 1]
            del words[at : at + 2]
    assert not set(words) & {"|", ";", "&", "&&", "||"}, f"{example!r} is more than one command"
    return Line(tuple(words[1:]), settings, streams["<"], streams[">"])


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """How an example ended."""

    status: int
    output: str
    errors: str


def run(line: Line, environment: Mapping[str, str], folder: Path) -> Ended:
    """Run an example to its end, at a terminal whose person agrees to everything."""
    with _started(line, environment, folder) as command:
        command.wait(_SECONDS)
    return _ended(command, line, folder)


def watch(line: Line, environment: Mapping[str, str], folder: Path, happen: Callable[[], object]) -> Ended:
    """Run an example that goes on until it is interrupted: while things happen, until it says something."""
    deadline = time.monotonic() + _SECONDS
    with _started(line, environment, folder) as command:
        while command.poll() is None and not _output(line, folder).read_text() and time.monotonic() < deadline:
            happen()
            time.sleep(_POLL_SECONDS)
        command.send_signal(signal.SIGINT)
        command.wait(_SECONDS)
    return _ended(command, line, folder)


@contextlib.contextmanager
def _started(line: Line, environment: Mapping[str, str], folder: Path) -> Iterator[Fork]:
    streams = {"stdout": _output(line, folder), "stderr": _errors(folder)}
    for stream in streams.values():
        stream.write_bytes(b"")
    person, terminal = os.openpty()
    try:
        os.write(person, b"y\n")
        stdin = folder / line.reads if line.reads else Path(os.ttyname(terminal))
        command = Fork(PROMO, line.arguments, {**environment, **line.settings}, **streams, stdin=stdin, folder=folder)
        try:
            yield command
        finally:
            command.kill()
    finally:
        os.close(person)
        os.close(terminal)


def _output(line: Line, folder: Path) -> Path:
    return folder / (line.writes or "printed.txt")


def _errors(folder: Path) -> Path:
    return folder / "errors.txt"


def _ended(command: Fork, line: Line, folder: Path) -> Ended:
    return Ended(command.wait(), _output(line, folder).read_text(), _errors(folder).read_text())
