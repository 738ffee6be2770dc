"""Structured logs: an event name and key-value pairs, coloured for a terminal, JSON for a collector."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

_SECRET_WORDS = ("token", "secret", "password", "authorization", "master", "private")
"""A value whose name has one of these is never logged, whoever logs it."""

_REDACTED = "***"

_GRPC = "grpc._cython.cygrpc"
_LOST_CALLER = "ExecuteBatchError raised in core"


def configure_logs(level: str, form: Literal["auto", "console", "json"]) -> None:
    """Send everything that is logged, by us or by a library, to standard error in one form."""
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    renderer: structlog.types.Processor = (
        # The default one prints the variables of every frame: keys, profiles, URLs with passwords.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if console
        else structlog.processors.JSONRenderer()
    )
    exceptions: list[structlog.types.Processor] = [] if console else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *exceptions, renderer],
        ),
    )
    logging.getLogger(_GRPC).addFilter(_is_no_lost_caller)
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries are heard when something is wrong, unless everything is to be heard.
    root.setLevel(level.upper() if level in {"debug", "error"} else "WARNING")
    logging.getLogger("promo_server").setLevel(level.upper())


def _is_no_lost_caller(record: logging.LogRecord) -> bool:
    """Return False for what gRPC says of a stream whose caller has gone, as if it were a failure of ours."""
    return not record.getMessage().startswith(_LOST_CALLER)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return the event without the values of secrets, at any depth."""
    for name, value in event.items():
        event[name] = _redacted(name, value)
    return event


def _redacted(name: str, value: object) -> object:
    if any(word in name.lower() for word in _SECRET_WORDS):
        return _REDACTED
    if isinstance(value, dict):
        return {key: _redacted(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(name, item) for item in value]
    return value
