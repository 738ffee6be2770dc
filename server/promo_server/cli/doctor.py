"""`promo doctor`: what is configured, and does it work."""

from __future__ import annotations

from typing import Any

import uvloop
from pydantic import BaseModel, SecretStr

from promo_server.cli.checks import Severity, check_access, run_checks
from promo_server.cli.options import SettingsOptions
from promo_server.cli.output import Json, print_json, print_line, print_table
from promo_server.secret_values import without_secrets
from promo_server.settings import LoadedSettings

_MARKS = {Severity.OK: "ok", Severity.NOTE: "note", Severity.FAILED: "FAILED"}


def doctor(
    *,
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    json: Json = False,
) -> int:
    """Show every setting and what the checks found; return the exit status."""
    loaded = settings.load()
    findings = uvloop.run(run_checks(loaded.settings))
    if any(finding.check == "server" and finding.severity is Severity.OK for finding in findings):
        findings.append(check_access(loaded.settings))
    failures = [finding for finding in findings if finding.severity is Severity.FAILED]
    values = effective(loaded)
    if json:
        print_json(
            {
                "settings": [{"name": name, "value": value, "origin": origin} for name, value, origin in values],
                "checks": [
                    {
                        "check": finding.check,
                        "result": finding.severity,
                        "detail": finding.detail,
                        "next_step": finding.next_step,
                    }
                    for finding in findings
                ],
                "ok": not failures,
            },
        )
    else:
        print_table(("setting", "value", "origin"), values)
        print_line("")
        rows = [(_MARKS[finding.severity], finding.check, finding.detail, finding.next_step) for finding in findings]
        print_table(("", "check", "found", "next step"), rows)
    return 1 if failures else 0


def effective(loaded: LoadedSettings) -> list[tuple[str, str, str]]:
    """Return (name, value, origin) of every setting; secrets are not shown."""
    return [(name, _text(value), loaded.origins.get(name, "default")) for name, value in _leaves(loaded.settings, "")]


def _leaves(model: BaseModel, prefix: str) -> list[tuple[str, Any]]:
    leaves: list[tuple[str, Any]] = []
    for name in type(model).model_fields:
        value = getattr(model, name)
        leaves += _leaves(value, f"{prefix}{name}.") if isinstance(value, BaseModel) else [(prefix + name, value)]
    return leaves


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, SecretStr):
        return "***"
    text = str(value)
    return without_secrets(text) if "://" in text else text
