"""How `--help` is shown: examples stay whole, so that they can be copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cyclopts.help import InlineText
from cyclopts.help.formatters import DefaultFormatter

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions

INDENTATION = "    "
_BEGINNINGS = ("promo ", "PROMO_")


def is_bare_example(line: str) -> bool:
    """Tell whether a line is an example that lost its indentation: the parser of texts takes it from a second part."""
    return line.startswith(_BEGINNINGS)


class HelpPage(DefaultFormatter):
    """Breaks the lines of an explanation at the edge of the terminal, and no line of an example."""

    def render_description(self, console: Console, options: ConsoleOptions, description: Any) -> None:  # noqa: ANN401 - as cyclopts has it
        """Print what a help text says; its examples are indented."""
        if not isinstance(description, InlineText):
            super().render_description(console, options, description)
            return
        for line in str(description.primary_renderable).splitlines():
            shown = INDENTATION + line if is_bare_example(line) else line
            console.print(shown, soft_wrap=shown.startswith(INDENTATION), markup=False, emoji=False, highlight=False)
        console.print()
