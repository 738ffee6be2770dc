"""What a command prints: tables for people, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Annotated

from cyclopts import Parameter
from google.protobuf.timestamp_pb2 import Timestamp
from rich.cells import cell_len
from rich.console import Console
from rich.prompt import Confirm
from rich.table import Table
from rich.text import Text

from promo_server.cli.command_error import CommandError

_SHORT = 24
"""Cells up to here, such as times and amounts, are kept whole although they have spaces."""
_GAP = 2

Yes = Annotated[bool, Parameter(name=("--yes", "-y"), negative=(), help="Do not ask.")]
Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON, for scripts.")]


def print_json(value: object) -> None:
    """Print one JSON document on one line."""
    print(json.dumps(value, ensure_ascii=False), flush=True)  # noqa: T201 - this is the command's answer


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> None:
    """Print rows under column names.

    In a terminal long texts go on in a second line, from word to word: an id, a code or a number is never broken, and
    rather leaves the terminal. In a pipe a row is one line.
    """
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    widths = _widths([[column, *(row[number] for row in rows)] for number, column in enumerate(columns)])
    for column, width in zip(columns, widths, strict=True):
        table.add_column(column, width=width, overflow="fold")
    for row in rows:
        table.add_row(*row)
    _wide_console(widths).print(table)


def print_line(text: str) -> None:
    """Print one line for people."""
    plain_console().print(text, soft_wrap=True)


def print_hint(text: str) -> None:
    """Print one line that is no part of the answer, on standard error."""
    plain_console(stderr=True).print(text, soft_wrap=True)


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print what one thing has, a field on each line; fields that are empty are left out."""
    shown = [(name, value) for name, value in fields if value]
    table = Table(box=None, pad_edge=False, show_header=False)
    widths = _widths([[name for name, _ in shown], [value for _, value in shown]])
    for style, width in zip(("bold", None), widths, strict=True):
        table.add_column(style=style, width=width, overflow="fold")
    for name, value in shown:
        table.add_row(name, value)
    _wide_console(widths).print(table)


def confirm(question: str, *, yes: bool) -> None:
    """Return when the person at the terminal agrees, or has agreed with --yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(f"{question} cannot be undone; add --yes")
    asked = Text(f"{question}? It cannot be undone", style="prompt")
    if not Confirm.ask(asked, default=False, console=plain_console(stderr=True)):
        raise CommandError("nothing was changed")


def plain_console(*, stderr: bool = False, width: int | None = None) -> Console:
    """Return a console that shows each text as it is.

    What others wrote can look like markup, or have an emoji's name in it: a code such as `SAVE:100:OFF`.
    """
    kind = Console if stderr else _Console
    return kind(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)


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


def _unbroken(text: str) -> int:
    """Return how many columns a text needs so that nothing in it is broken that has to be read, or copied, as one."""
    whole = cell_len(text)
    return whole if whole <= _SHORT else max(map(cell_len, text.split()), default=0)


def _widths(columns: Sequence[Sequence[str]]) -> list[int]:
    """Return how wide each column is: what must not be broken fits, long texts share what a terminal has left."""
    widths = [max(map(_unbroken, cells), default=0) for cells in columns]
    wanted = [max(map(cell_len, cells), default=0) - width for cells, width in zip(columns, widths, strict=True)]
    console = Console()
    if not console.is_terminal:
        return [width + more for width, more in zip(widths, wanted, strict=True)]
    left = max(0, console.width - sum(widths) - _GAP * (len(widths) - 1))
    # Who wants least first: what it does not take, the others have.
    for place, number in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        more = min(wanted[number], left // (len(wanted) - place))
        widths[number] += more
        left -= more
    return widths


def _wide_console(widths: Sequence[int]) -> Console:
    """Return a console that has room for columns, whatever a terminal has."""
    return plain_console(width=max(sum(widths) + _GAP * len(widths), Console().width))
