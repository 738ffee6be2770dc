"""The one exception of the embedded store."""

from __future__ import annotations

from promo_server.operator_error import OperatorError


class EmbeddedStoreError(OperatorError):
    """A store that cannot run; the text says why and what to do."""
