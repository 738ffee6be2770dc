"""What a command line that is not understood is told: one line, like every failure."""

from __future__ import annotations

from cyclopts import CycloptsError, MissingArgumentError, UnusedCliTokensError


def advice(error: CycloptsError) -> str:
    """Return what is wrong with the command line, and where it says what would be right."""
    command = " ".join(("promo", *(error.command_chain or ())))
    return f"{_problem(error)}; see {command} --help"


def _problem(error: CycloptsError) -> str:
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        return f"{error.argument.name} {'needs a value' if error.keyword else 'is missing'}"
    if isinstance(error, UnusedCliTokensError):
        return f"{' '.join(error.unused_tokens or ())}: nothing more is expected here"
    text = " ".join(str(error).split()).removesuffix(".")
    return text[:1].lower() + text[1:]
