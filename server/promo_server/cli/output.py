"""What a command prints: tables for people, JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

_PIPE_WIDTH = 240

Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON, for scripts.")]


def print_json(value: object) -> None:
    """Print one JSON document on one line."""
    print(json.dumps(value, ensure_ascii=False), flush=True)  # noqa: T201 - this is the command's answer


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> None:
    """Print rows under column names, folded to fit a terminal and whole in a pipe; text of others is never markup."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(cell.replace("[", r"\[") for cell in row))
    console.print(table)


def print_line(text: str) -> None:
    """Print one line for people."""
    Console(highlight=False, soft_wrap=True).print(text, markup=False)
