"""Keeps the last line of every full run, with the command, the day and the machine."""

import datetime as dt
import io
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from benchmarks import machine

RESULTS = Path(__file__).parent / "results"
QUICK = "--quick"
DEFAULT_DURABILITY = "always"


@dataclass(frozen=True)
class Result:
    """One kept run."""

    name: str
    command: str
    day: str
    machine: dict[str, str]
    figures: dict[str, Any]


class Copy(io.TextIOBase):
    """Passes everything on to a stream, and remembers it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.text = ""

    def write(self, text: str) -> int:
        """Writes to the stream."""
        self.text += text
        return self._stream.write(text)

    def flush(self) -> None:
        """Flushes the stream."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether people read the stream."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The stream's descriptor: its size decides how wide tables are."""
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The stream's encoding."""
        return self._stream.encoding


@contextmanager
def kept(name: str, arguments: Sequence[str]) -> Iterator[None]:
    """Keeps what the block prints last, if that is a JSON object of a full run."""
    standard = sys.stdout
    copy = Copy(standard)
    sys.stdout = copy
    try:
        yield
    finally:
        sys.stdout = standard
    lines = copy.text.strip().splitlines()
    if QUICK in arguments or not lines or not lines[-1].startswith("{"):
        return
    shown = [argument for argument in arguments if argument != "--json"]
    document = {
        "command": " ".join(["scripts/bench", name, *shown]),
        "day": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "machine": machine.describe(),
        "figures": json.loads(lines[-1]),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{variant(name, arguments)}.json").write_text(json.dumps(document, indent=2) + "\n")


def variant(name: str, arguments: Sequence[str]) -> str:
    """What a run is kept as: with another durability than the default it stands beside the default one."""
    parts = [part for argument in arguments for part in argument.split("=", 1)]
    chosen = parts[parts.index("--durability") + 1] if "--durability" in parts[:-1] else DEFAULT_DURABILITY
    return name if chosen == DEFAULT_DURABILITY else f"{name}-{chosen}"


def load(name: str) -> Result | None:
    """The kept run of a bench, if there is one."""
    path = RESULTS / f"{name}.json"
    return Result(name=name, **json.loads(path.read_text())) if path.exists() else None
