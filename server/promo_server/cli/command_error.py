"""The exception with which a command stops; apart from `failure`, which knows the exceptions of everything."""

from __future__ import annotations


class CommandError(Exception):
    """A command that cannot go on; the text ends with the next step."""
