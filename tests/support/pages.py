"""Reads pages: their commands as a script, their links and headings."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

Role = Literal["run", "background", "stop", "not run"]

LANGUAGES = {"sh", "python"}
FILE = re.compile(r"# (?P<path>/\S+)\n")
"""How a file in TOML begins that a page shows: with its path."""
ADDRESS = "127.0.0.1:50600"
"""The address that pages name, and the default of the server."""
REST = "127.0.0.1:50680"
"""The same of the REST API."""
NAME = "promo.internal:50600"
"""A name that a certificate is for, and the port."""
FOLDERS = ("/etc/promo", "/var/lib/promo")
"""Of a whole machine; those of a test are below its home."""
PRINTED = {"key_...": """$(promo keys list --json | sed -n '1s/.*"id": "\\([^"]*\\)".*/\\1/p')"""}
"""What stands for an id that the command before has printed, and how a script gets it: the newest comes first."""

_COMMENT = re.compile(r"<!--\s*(?P<role>background|stop|not run)(?::\s*(?P<reason>.+?))?\s*-->")

_CODE = re.compile(r"\b[A-Z0-9]{10,12}\b")
_ID = re.compile(r"\b([a-z]+_)[0-9a-z]{14,}\b")


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """Commands of a page, or a file that they read."""

    line: int
    language: str
    text: str
    role: Role
    reason: str


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page that are commands, or files with a path."""
    found = []
    before: Token | None = None
    for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")):
        is_file = token.info.strip() == "toml" and FILE.match(token.content)
        if token.type == "fence" and (is_file or token.info.strip() in LANGUAGES):
            comment = _COMMENT.search(before.content) if before is not None and before.type == "html_block" else None
            role, reason = (comment["role"], comment["reason"] or "") if comment else ("run", "")
            assert token.map is not None
            found.append(Block(token.map[0] + 1, token.info.strip(), token.content, role, reason))  # type: ignore[arg-type]
        before = token
    return found


def script(page: Path, home: Path, port: int, rest_port: int, *, from_nothing: bool) -> str:
    """Return one shell script of everything that a reader of the page runs; the server has REST where the page has."""
    own = {ADDRESS: f"127.0.0.1:{port}", REST: f"127.0.0.1:{rest_port}", NAME: f"localhost:{port}"}
    own |= {folder: f"{home}{folder}" for folder in FOLDERS} | PRINTED
    commands = [block for block in blocks(page) if block.role != "not run"]
    rest = own[REST] if any(REST in block.text for block in commands) else ""
    parts = [_HEAD.format(port=port, rest=rest)]
    if not from_nothing:
        parts += [_background("promo serve\n"), "export PROMO_KEY=$(cat ~/.local/state/promo/admin.key)\n"]
    for block in commands:
        parts.append(f"echo '# {page.name}:{block.line}' >&2\n")
        text = block.text
        for shown, typed in own.items():
            text = text.replace(shown, typed)
        if block.language == "toml":
            parts.append(_file(text))
        elif block.role == "background":
            parts.append(_background(text))
        elif block.language == "python":
            parts.append(f"python -c {shlex.quote(text)}\n")
        else:
            parts.append(("stop\n" if block.role == "stop" else "") + text)
    return "".join(parts)


_HEAD = """\
set -euo pipefail
export PROMO_GRPC__LISTEN=127.0.0.1:{port} PROMO_TELEMETRY__LISTEN=127.0.0.1:0 PROMO_HTTP__LISTEN={rest}
server=
stop() {{
    [ -z "$server" ] && return
    kill -TERM -- "-$server" || true
    wait "$server" || true
    server=
}}
trap stop EXIT
ready() {{
    # The server's own word: whoever looks at its port may meet somebody else there.
    until grep -q server.ready server.log; do
        kill -0 "$server"
        sleep 0.05
    done
}}
"""


def _background(text: str) -> str:
    return f": >server.log\nsetsid bash -c {shlex.quote(text)} >>server.log 2>&1 &\nserver=$!\nready\n"


def _file(text: str) -> str:
    found = FILE.match(text)
    assert found is not None
    path = shlex.quote(found["path"])
    return f"mkdir -p $(dirname {path})\nprintf %s {shlex.quote(text)} >{path}\n"


def not_printed(page: Path, output: str) -> list[str]:
    """Return the lines of the page's blocks without a language, which are what is printed, that are not in `output`."""
    printed = {_shape(line) for line in output.splitlines()}
    fences = [
        token for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")) if token.type == "fence"
    ]
    promised = [line for token in fences if not token.info.strip() for line in token.content.splitlines()]
    return [line for line in promised if _shape(line) not in printed]


def _shape(line: str) -> str:
    """Return a line without what differs from run to run: codes, ids, and the width of columns."""
    return " ".join(_ID.sub(r"\1", _CODE.sub("CODE", line)).split())


def links(page: Path) -> Iterator[str]:
    """Yield where the links of a page lead."""
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        for child in token.children or ():
            if child.type == "link_open":
                yield str(child.attrs["href"])


@functools.cache
def anchors(page: Path) -> set[str]:
    """Return the names of a page's headings, as sites make them."""
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
    titles = [after.content for token, after in itertools.pairwise(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}
