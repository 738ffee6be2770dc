"""What a command prints: tables for people, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Annotated

from cyclopts import Parameter
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.prompt import Confirm
from rich.table import Table

from promo_server.cli.command_error import CommandError

_PIPE_WIDTH = 240

Yes = Annotated[bool, Parameter(name=("--yes", "-y"), negative=(), help="Do not ask.")]
Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON, for scripts.")]


def print_json(value: object) -> None:
    """Print one JSON document on one line."""
    print(json.dumps(value, ensure_ascii=False), flush=True)  # noqa: T201 - this is the command's answer


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> None:
    """Print rows under column names, folded to fit a terminal and whole in a pipe; text of others is never markup."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(cell.replace("[", r"\[") for cell in row))
    _console().print(table)


def print_line(text: str) -> None:
    """Print one line for people."""
    _Console(highlight=False, soft_wrap=True).print(text, markup=False)


def print_hint(text: str) -> None:
    """Print one line that is no part of the answer, on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False)


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print what one thing has, a field on each line; fields that are empty are left out."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in fields:
        if value:
            table.add_row(name, value.replace("[", r"\["))
    _console().print(table)


def confirm(question: str, *, yes: bool) -> None:
    """Return when the person at the terminal agrees, or has agreed with --yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(f"{question} cannot be undone; add --yes")
    if not Confirm.ask(f"{question}? It cannot be undone", default=False, console=Console(stderr=True)):
        raise CommandError("nothing was changed")


def spell_time(moment: Timestamp) -> str:
    """Return a time in UTC as people read it; an absent one is empty."""
    if not moment.seconds and not moment.nanos:
        return ""
    return moment.ToDatetime(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class _Console(Console):
    """A console whose reader may go away: the command ends, as one that prints JSON does."""

    def on_broken_pipe(self) -> None:
        """Leave it to the border of the command line; rich would end the process with status 1."""
        raise BrokenPipeError


def _console() -> Console:
    console = _Console(highlight=False)
    return console if console.is_terminal else _Console(width=_PIPE_WIDTH, highlight=False)
