"""Makes docs/reference/settings.md from the settings themselves.

`python -m promo_server.settings_reference PATH` writes it; a test fails when the committed page differs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

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


def markdown() -> str:
    """Return the page."""
    general: list[str] = []
    groups: list[str] = []
    for name, field in Settings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            rows = [_row(f"{name}.{key}", item) for key, item in model.model_fields.items()]
            groups.append(_section(f"`{name}`", model.__doc__ or "", rows))
        else:
            general.append(_row(name, field))
    caller = [_row(name, field) for name, field in ClientSettings.model_fields.items()]
    sections = [
        _section("General", "", general),
        *groups,
        _section("Commands that call a server", ClientSettings.__doc__ or "", caller),
    ]
    return _HEAD + "".join(sections)


def _section(title: str, text: str, rows: list[str]) -> str:
    head = "| setting | variable | default | what it does |\n|---|---|---|---|\n"
    summary = f"{text.strip()}\n\n" if text else ""
    return f"\n## {title}\n\n{summary}{head}" + "".join(rows)


def _row(path: str, field: FieldInfo) -> str:
    default = "" if field.default_factory is not None or field.default is None else f"`{field.default}`"
    if path == "state_dir":
        default = "`$XDG_STATE_HOME/promo` or `~/.local/state/promo`"
    choices = [str(choice) for choice in get_args(field.annotation) if isinstance(choice, str)]
    one_of = f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""
    return f"| `{path}` | `{environment_name(path)}` | {default} | {field.description}{one_of} |\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
