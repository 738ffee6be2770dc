"""Calls the store's functions as the engine does, but with any operations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENGINE = Path(__file__).parents[2] / "codegen_ext" / "crates" / "engine"
COMMIT = "promo_1_commit"
READ = "promo_1_read"

FRESH, REPLAYED, FOUND, STALE, REFUSED, CHANGED, REUSED, MOVED = 0, 1, 2, -1, -2, -3, -4, -5


@dataclass(frozen=True)
class Text:
    """A key that holds a string, which the function reads with the others in one go."""

    name: str


@dataclass(frozen=True)
class Other:
    """A key of any other kind."""

    name: str


def library() -> str:
    """Return the function library as the engine loads it."""
    source = (ENGINE / "src" / "functions.rs").read_text(encoding="utf-8")
    name = re.search(r'LIBRARY: &str = "(\w+)"', source)
    assert name is not None
    files = re.findall(r'include_str!\("\.\./(functions/\w+\.lua)"\)', source)
    assert files
    return f"#!lua name={name[1]}\n" + "\n".join((ENGINE / file).read_text(encoding="utf-8") for file in files)


def load(client: Any) -> None:
    """Load the library."""
    client.execute_command("FUNCTION", "LOAD", "REPLACE", library())


def commit(client: Any, *operations: tuple[Any, ...]) -> list[Any]:
    """Commit operations, each a letter and its arguments, and return the answer."""
    texts: dict[Text, int] = {}
    others: dict[Other, int] = {}
    for operation in operations:
        for argument in operation:
            if isinstance(argument, Text):
                texts.setdefault(argument, len(texts) + 1)
            elif isinstance(argument, Other):
                others.setdefault(argument, len(others) + 1)
    arguments: list[Any] = [len(texts)]
    for operation in operations:
        for argument in operation:
            if isinstance(argument, Text):
                arguments.append(texts[argument])
            elif isinstance(argument, Other):
                arguments.append(len(texts) + others[argument])
            else:
                arguments.append(argument)
    keys = [key.name for key in (*texts, *others)]
    return list(client.execute_command("FCALL", COMMIT, len(keys), *keys, *arguments))


def results(answer: list[Any]) -> list[tuple[int, int, int]]:
    """Return slot, sequence and total of each limit of a commit that was done."""
    assert answer[0] == FRESH, answer
    text = answer[2].decode()
    return [tuple(map(int, result.split(":"))) for result in text.split(",") if result]  # type: ignore[misc]
