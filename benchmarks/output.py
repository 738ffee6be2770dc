"""Tables for people, one JSON object for scripts."""

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import cast, get_args

from rich.console import Console
from rich.table import Table

from benchmarks import machine
from benchmarks.store import Durability

UNBOUNDED = 200
"""Width of what nobody looks at while it is written."""


class Output:
    """Prints what a bench finds; with `--json` only the object goes to standard output."""

    def __init__(self, *, json_only: bool) -> None:
        # Into a file or a pipe tables are written whole.
        self.console = Console(stderr=json_only, highlight=False)
        if not self.console.is_terminal:
            self.console.width = UNBOUNDED

    def introduce(self, title: str, **conditions: object) -> None:
        """Says what is measured and on what."""
        described = machine.describe() | {name: str(value) for name, value in conditions.items()}
        self.console.print(f"[bold]{title}[/bold]")
        self.console.print("  ".join(f"{name}: {value}" for name, value in described.items()), style="dim")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Prints a table: names on the left, figures on the right."""
        table = Table(title=title, title_justify="left")
        for number, column in enumerate(columns):
            table.add_column(column, justify="left" if number == 0 else "right")
        for row in rows:
            table.add_row(*row)
        self.console.print(table)

    def note(self, text: str) -> None:
        """Prints one line."""
        self.console.print(text)

    def finish(self, figures: Mapping[str, object]) -> None:
        """Prints the last line."""
        print(json.dumps(figures), flush=True)


def parser(description: str | None) -> argparse.ArgumentParser:
    """Options that every bench has."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--json", action="store_true", help="print nothing but the JSON object on standard output")
    options.add_argument("--quick", action="store_true", help="a short run that shows that everything works")
    options.add_argument(
        "--durability",
        choices=get_args(Durability),
        default="always",
        help="when the store's append-only file reaches the disk (default: always, before each answer)",
    )
    return options


def durability(options: argparse.Namespace) -> Durability:
    """The durability asked for."""
    return cast("Durability", options.durability)


def rounded(value: float, digits: int = 3) -> float:
    """A figure with so many digits after the point."""
    return round(value, digits)
