"""The exception of what whoever runs the server can mend; apart from everything else, since everything raises it."""

from __future__ import annotations


class OperatorError(Exception):
    """The text is for the operator: what is wrong, and what would be right or comes next."""
