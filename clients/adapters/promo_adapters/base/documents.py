"""Turns bodies and queries into documents: JSON, forms, and `customer[source_id]=1`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from promo_adapters.base.problems import Problem

Model = TypeVar("Model")
Document = dict[str, Any]

_MOST_FIELDS = 1_000
_DEEPEST = 8
_FORM = "application/x-www-form-urlencoded"

_TYPES = re.compile(r"(?:^Expected |(?P<got>, got ))`(?P<names>[^`]+)`")
"""Where a message names types; other quotes in it are the schema's."""
_WORDS = {"int": "number", "float": "number", "str": "string", "bool": "boolean"}
"""What JSON calls the types of values; the others have one name."""
_WHOLE = {"int": "whole number"}
"""What is more than JSON can say of what it wants."""


def decode_body(body: bytes, content_type: str) -> Document:
    """Return the document in a body; an absent body is an empty document.

    Marketing platforms do not always say what they send: JSON is taken for JSON
    whatever its content type. Raises Problem with 400, or 415 for multipart.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("multipart/"):
        raise Problem(415, "unsupported_media_type", f"send application/json or {_FORM}, not {kind}")
    text = body.strip()
    if not text:
        return {}
    if kind == _FORM and not text.startswith((b"{", b"[")):
        return nested(_pairs(body, "invalid_payload"), "invalid_payload")
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, "invalid_payload", f"the body is not JSON: {error}") from None
    except RecursionError:
        raise Problem(400, "invalid_payload", "the body is nested too deeply") from None
    if not isinstance(document, dict):
        raise Problem(400, "invalid_payload", "the body must be a JSON object")
    if any("[" in name for name in document):
        # A form that a platform has rewritten as JSON keeps the form's names.
        return nested(document.items(), "invalid_payload")
    return document


def decode_query(query: bytes) -> Document:
    """Return the document in a query string. Raises Problem with 400."""
    return nested(_pairs(query, "invalid_query_params"), "invalid_query_params") if query else {}


def nested(pairs: Iterable[tuple[str, Any]], key: str) -> Document:
    """Return `a[b]=1&a[c]=2` as {"a": {"b": "1", "c": "2"}}; of a repeated name the last value counts.

    Raises Problem with `key` for names that contradict each other.
    """
    document: Document = {}
    for name, value in pairs:
        path = _path(name, key)
        into = document
        for step in path[:-1]:
            inner = into.setdefault(step, {})
            if not isinstance(inner, dict):
                raise Problem(400, key, f"{name}: {step} is a value and cannot have parts")
            into = inner
        if isinstance(into.get(path[-1]), dict) and not isinstance(value, dict):
            raise Problem(400, key, f"{name} has parts and cannot be a value")
        into[path[-1]] = value
    return document


def convert(document: Document, model: type[Model], key: str) -> Model:
    """Return the document as a model. Numbers and flags may come as text.

    Raises Problem with `key` that names the first property that is wrong.
    """
    try:
        return msgspec.convert(document, model, strict=False)
    except (msgspec.ValidationError, RecursionError) as error:
        said, _, where = str(error).partition(" - at ")
        what = _TYPES.sub(_in_words, said)
        place = where.strip("`").removeprefix("$")
        raise Problem(400, key, f"Property {place}: {what}" if place else what) from None


def _in_words(found: re.Match[str]) -> str:
    """Return types as whoever sends JSON knows them: `int | null` is a whole number or null."""
    before, words = (found["got"], _WORDS) if found["got"] else ("Expected ", _WORDS | _WHOLE)
    return before + " or ".join(words.get(name, name) for name in found["names"].split(" | "))


def _path(name: str, key: str) -> list[str]:
    head, bracket, rest = name.partition("[")
    if not bracket or not head:
        return [name]
    if not rest.endswith("]"):
        raise Problem(400, key, f"{name}: a bracket is not closed")
    path = [head, *rest[:-1].split("][")]
    if len(path) > _DEEPEST:
        raise Problem(400, key, f"{head} is nested too deeply")
    return path


def _pairs(text: bytes, key: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            text.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except UnicodeDecodeError:
        raise Problem(400, key, "the text is not UTF-8") from None
    except ValueError:
        raise Problem(400, key, f"there are more than {_MOST_FIELDS} fields") from None
