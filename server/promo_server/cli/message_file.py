"""A message in a file: JSON as `--json` prints it, or the same in TOML."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from promo_server.cli.command_error import CommandError
from promo_server.cli.documents import Document, from_document

_STANDARD_INPUT = "-"


def fill(message: Message, path: Path) -> frozenset[str]:
    """Fill a message with what a file has, and return the names of the fields that it has, however they are spelled.

    The file is read as its name ends, .json or .toml; `-` is JSON from standard input.
    """
    name = "standard input" if str(path) == _STANDARD_INPUT else str(path)
    document = _read(path, name)
    from_document(document, message, name)
    fields = message.DESCRIPTOR.fields
    return frozenset(field.name for field in fields if not {field.name, field.json_name}.isdisjoint(document))


def _read(path: Path, name: str) -> Document:
    try:
        text = sys.stdin.read() if str(path) == _STANDARD_INPUT else path.read_text(encoding="utf-8")
        document: Any = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except FileNotFoundError:
        raise CommandError(f"{name} does not exist; give another file") from None
    except UnicodeDecodeError:
        raise CommandError(f"{name} is not UTF-8 text; save it as that") from None
    except ValueError as error:  # of both formats
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise CommandError(f"{name} is not {kind}: {error}") from None
    except RecursionError:
        raise CommandError(f"{name} is nested too deeply; it should be one object") from None
    if not isinstance(document, dict):
        raise CommandError(f"{name} has no object; write {{...}} with the fields in it")
    return document
