"""The exception with which a command stops."""

from __future__ import annotations

from promo_server.operator_error import OperatorError


class CommandError(OperatorError):
    """A command that cannot go on; the text ends with the next step."""
