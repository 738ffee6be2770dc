"""Calls the store's functions as the engine does, but with any operations."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack

ENGINE = Path(__file__).parents[2] / "codegen_ext" / "crates" / "engine"


def _sources() -> str:
    """Return the sources of the library, joined as the engine joins them."""
    listed = (ENGINE / "src" / "functions.rs").read_text(encoding="utf-8")
    files = re.findall(r'include_str!\("\.\./(functions/\w+\.lua)"\)', listed)
    assert files
    return "\n".join((ENGINE / file).read_text(encoding="utf-8") for file in files)


SOURCES = _sources()
LIBRARY = f"promo_{hashlib.sha256(SOURCES.encode()).hexdigest()[:8]}"
COMMIT = f"{LIBRARY}_commit"
READ = f"{LIBRARY}_read"

FRESH, REPLAYED, FOUND, STALE, REFUSED, CHANGED, REUSED, MOVED, FAILED = 0, 1, 2, -1, -2, -3, -4, -5, -6

Operation = tuple[Any, ...]
"""A letter and its arguments."""


@dataclass(frozen=True)
class Text:
    """A key that holds a string, which the function reads with the others in one go."""

    name: str


@dataclass(frozen=True)
class Other:
    """A key of any other kind."""

    name: str


@dataclass(frozen=True)
class Run:
    """Keys of any other kind that stand side by side; what is sent is the place of the first."""

    names: tuple[str, ...]


def library() -> str:
    """Return the function library as the engine loads it."""
    return f"#!lua name={LIBRARY}\nlocal LIBRARY = '{LIBRARY}'\n{SOURCES}"


def load(client: Any) -> None:
    """Load the library."""
    client.execute_command("FUNCTION", "LOAD", "REPLACE", library())


def commit(client: Any, *operations: Operation) -> list[Any]:
    """Commit one plan, and return its answer."""
    return commit_group(client, operations)[0]


def commit_group(client: Any, *plans: Sequence[Operation]) -> list[list[Any]]:
    """Commit plans together, and return the answer of each."""
    parts = [argument for plan in plans for operation in plan for argument in operation]
    texts = {key: place for place, key in enumerate(dict.fromkeys(key for key in parts if isinstance(key, Text)), 1)}
    others = {key: place for place, key in enumerate(dict.fromkeys(key for key in parts if isinstance(key, Other)), 1)}
    runs = dict.fromkeys(argument for argument in parts if isinstance(argument, Run))
    places, next_place = dict[Run, int](), len(texts) + len(others) + 1
    for run in runs:
        places[run] = next_place
        next_place += len(run.names)
    arguments: list[Any] = [len(texts)]
    for plan in plans:
        sent = (_sent(argument, texts, others, places) for operation in plan for argument in operation)
        arguments.append(b"".join(msgpack.packb(argument, use_bin_type=False) for argument in sent))
    keys = [*(key.name for key in (*texts, *others)), *(name for run in runs for name in run.names)]
    return list(client.execute_command("FCALL", COMMIT, len(keys), *keys, *arguments))


def _sent(argument: Any, texts: Mapping[Text, int], others: Mapping[Other, int], runs: Mapping[Run, int]) -> Any:
    if isinstance(argument, Text):
        return texts[argument]
    if isinstance(argument, Run):
        return runs[argument]
    return len(texts) + others[argument] if isinstance(argument, Other) else argument


def results(answer: list[Any]) -> list[tuple[int, int, int]]:
    """Return slot, sequence and total of each limit of a commit that was done."""
    assert answer[0] == FRESH, answer
    text = answer[2].decode()
    return [tuple(map(int, result.split(":"))) for result in text.split(",") if result]  # type: ignore[misc]
