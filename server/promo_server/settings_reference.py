"""Makes docs/reference/settings.md from the settings themselves.

`python -m promo_server.settings_reference PATH` writes it; a test fails when the committed page differs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from promo_adapters.punchh.settings import Settings as PunchhSettings
from promo_server.settings import ClientSettings, Settings, environment_name

_HEAD = """# Settings

Generated from `server/promo_server/settings.py` by `python -m promo_server.settings_reference`; not edited.

A value comes from the command line, else from the variable, else from the TOML file that `--config` or
`PROMO_CONFIG` names, else it is the default. In the file a group is a table:

```toml
state_dir = "/var/lib/promo"

[grpc]
listen = "0.0.0.0:50600"
```

`promo doctor` shows the value of every setting and where it came from.
"""

_PUNCHH = """
## The Punchh adapter's own

Of `promo-punchh`, and of the file that `punchh.config` names: a value comes from the command line, else from the
variable, else from the file, else it is the default. A secret is a variable or stands in a file of its own. `publish`
is a list of tables, `[[publish]]`; its variable has all of them as JSON.
"""


def markdown() -> str:
    """Return the page."""
    caller = [_row(name, field, environment_name) for name, field in ClientSettings.model_fields.items()]
    sections = [
        *_sections(Settings, "General", "", environment_name),
        _section("Commands that call a server", ClientSettings.__doc__ or "", caller),
    ]
    return _HEAD + "".join(sections) + _PUNCHH + "".join(_sections(PunchhSettings, "General", "#", _punchh_name))


def _punchh_name(path: str) -> str:
    return "PROMO_PUNCHH_" + path.replace(".", "__").upper()


def _sections(settings: type[BaseModel], title: str, level: str, variable: Callable[[str], str]) -> list[str]:
    """Return a section of what stands in no group, and one of each group."""
    general: list[str] = []
    groups: list[str] = []
    for name, field in settings.model_fields.items():
        model = _group(field)
        if model is None:
            general.append(_row(name, field, variable))
        else:
            # A list has one variable for all that it has.
            named = partial(_whole, variable(name)) if get_origin(field.annotation) is tuple else variable
            rows = [_row(f"{name}.{key}", item, named) for key, item in model.model_fields.items()]
            text = f"{model.__doc__ or ''} {field.description or ''}"
            groups.append(_section(f"`{name}`", text, rows, level))
    return [_section(title, "", general, level), *groups]


def _whole(variable: str, _path: str) -> str:
    return variable


def _group(field: FieldInfo) -> type[BaseModel] | None:
    """Return the group that a field is, also one that may be absent or be there several times."""
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _section(title: str, text: str, rows: list[str], level: str = "") -> str:
    head = "| setting | variable | default | what it does |\n|---|---|---|---|\n"
    summary = f"{text.strip()}\n\n" if text.strip() else ""
    return f"\n{level}## {title}\n\n{summary}{head}" + "".join(rows)


def _row(path: str, field: FieldInfo, variable: Callable[[str], str]) -> str:
    default = "" if field.default_factory is not None or field.default in {None, ""} else f"`{field.default}`"
    if field.is_required():
        default = "(required)"
    if path == "state_dir":
        default = "`$XDG_STATE_HOME/promo` or `~/.local/state/promo`"
    choices = [str(choice) for choice in get_args(field.annotation) if isinstance(choice, str)]
    one_of = f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""
    return f"| `{path}` | `{variable(path)}` | {default} | {field.description}{one_of} |\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
