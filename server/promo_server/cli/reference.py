"""Makes docs/reference/cli.md from the commands themselves.

`python -m promo_server.cli.reference PATH` writes it; a test fails when the committed page differs.
"""

from __future__ import annotations

import sys
from pathlib import Path

from promo_server.cli.command import build
from promo_server.cli.help_page import INDENTATION, is_bare_example

_NOTE = """
Generated from `server/promo_server/cli` by `python -m promo_server.cli.reference`; not edited.
`promo COMMAND --help` shows the same.
"""


def markdown() -> str:
    """Return the page."""
    page = build().generate_docs()
    title, _, rest = page.partition("\n")
    lines = [title.replace("# promo", "# The promo command"), "", _NOTE.strip("\n")]
    fenced = False
    for line in rest.splitlines():
        fenced ^= line.startswith("```")
        example = not fenced and is_bare_example(line)
        lines.append(INDENTATION + line if example else line.rstrip())
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
