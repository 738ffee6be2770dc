"""What the data plane logs goes where everything else is logged."""

from __future__ import annotations

import json
import logging

import structlog

from promo_server import _native

_LEVELS = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warning"}
_log = structlog.get_logger("promo_server.data_plane")


def listen() -> None:
    """Log the events of the data plane, those that are as grave as the log wants them now."""
    level = logging.getLogger("promo_server.data_plane").getEffectiveLevel()
    _native.listen(_LEVELS.get(level, "error"), _emit)


def _emit(level: str, target: str, event: str, fields: str) -> None:
    _log.log(logging.getLevelNamesMapping()[level.upper()], event, target=target, **json.loads(fields))
