from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from promo_server.cli.command import build
from promo_server.cli.reference import markdown

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def commands(app: App, path: tuple[str, ...] = ()) -> Iterator[tuple[str, App]]:
    for name in app:
        if name.startswith("-"):
            continue
        command = app[name]
        below = list(commands(command, (*path, name)))
        yield from below or [(" ".join((*path, name)), command)]


COMMANDS = dict(commands(build()))


def test_command_page_is_what_the_commands_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown()


def test_all_commands_are_looked_at() -> None:
    assert {"serve", "campaigns create", "redeem", "ledger tail", "store memory"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_has_an_example_of_it(name: str) -> None:
    assert f"promo {name}" in COMMANDS[name].help


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_json_for_scripts(name: str) -> None:
    assert "json" in inspect.signature(COMMANDS[name].default_command).parameters
