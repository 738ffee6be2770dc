"""Filters of lists: the part of AIP-160 that an index can answer.

A filter is conditions joined by AND, each a field, an operator and a value: `customer = "17850" AND redeem_time >=
2026-11-01T00:00:00Z`. Texts and states are compared with `=` only, times and numbers with `= < <= > >=`. A value
that has spaces, quotes, parentheses or operators in it stands in double or single quotes, in which a backslash takes
the next character as it is. There is no OR, no NOT, no parenthesis, no wildcard: each of them would read a whole table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum

LONGEST_FILTER = 4_096
MOST_CONDITIONS = 16
_LONGEST_TEXT_BYTES = 256
_DAY_MS = 86_400_000

_WORD = re.compile(r"[^\s\"'()<>=!:,]+")
_VALUE = re.compile(r"[^\s\"'()<>=!,]+")
_OPERATOR = re.compile(r"<=|>=|!=|[<>=:]")
_NUMBER = re.compile(r"-?[0-9]{1,18}")
_TIME = re.compile(
    r"(?P<whole>[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]+))?(?P<zone>[Zz]|[+-][0-9]{2}:[0-9]{2})",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Kind(Enum):
    """What the values of a field are."""

    TEXT = "a text"
    STATE = "one of a few words"
    TIME = "an RFC 3339 time"
    NUMBER = "a whole number"


class Operator(StrEnum):
    """How a field is compared with a value."""

    EQUAL = "="
    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a list can be filtered by; `words` are the values of a state."""

    kind: Kind
    words: tuple[str, ...] = ()

    @property
    def operators(self) -> tuple[Operator, ...]:
        """The operators that the field can be compared with."""
        return tuple(Operator) if self.kind in {Kind.TIME, Kind.NUMBER} else (Operator.EQUAL,)


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. Times are milliseconds since 1970, UTC."""

    field: str
    operator: Operator
    value: str | int


class FilterError(ValueError):
    """A filter that cannot be read; `position` is that of the first character in question, from 1."""

    def __init__(self, position: int, problem: str) -> None:
        """Say where and what."""
        super().__init__(f"at character {position}: {problem}")
        self.position = position


def parse_filter(text: str, fields: Mapping[str, Field]) -> tuple[Condition, ...]:
    """Return the conditions of a filter, none for an empty one; raise FilterError for anything else."""
    if len(text) > LONGEST_FILTER:
        raise FilterError(LONGEST_FILTER + 1, f"a filter has at most {LONGEST_FILTER} characters")
    return _Parser(text, fields).conditions()


class _Parser:
    def __init__(self, text: str, fields: Mapping[str, Field]) -> None:
        self._text = text
        self._fields = fields
        self._at = 0

    def conditions(self) -> tuple[Condition, ...]:
        found: list[Condition] = []
        self._skip_space()
        while self._at < len(self._text):
            if found:
                self._expect_and()
            if len(found) == MOST_CONDITIONS:
                raise self._error(f"a filter has at most {MOST_CONDITIONS} conditions")
            found.append(self._condition())
            self._skip_space()
        return tuple(found)

    def _expect_and(self) -> None:
        start = self._at
        word = self._word()
        if word != "AND":
            self._at = start
            raise self._error("expected AND; conditions can only be joined by AND")
        self._skip_space()

    def _condition(self) -> Condition:
        start = self._at
        name = self._word()
        field = self._fields.get(name)
        if field is None:
            self._at = start
            raise self._error(f"expected a field, one of {', '.join(self._fields)}")
        operator = self._operator(name, field)
        self._skip_space()
        start = self._at
        text = self._value()
        try:
            return Condition(name, operator, _typed(field, text))
        except ValueError as error:
            self._at = start
            raise self._error(f"{name} {error}") from None

    def _operator(self, name: str, field: Field) -> Operator:
        self._skip_space()
        found = _OPERATOR.match(self._text, self._at)
        allowed = field.operators
        if found is None or found[0] not in {operator.value for operator in allowed}:
            raise self._error(f"expected {' or '.join(allowed)} after {name}")
        self._at = found.end()
        return Operator(found[0])

    def _value(self) -> str:
        quote = self._text[self._at : self._at + 1]
        if quote and quote in "\"'":
            return self._quoted(quote)
        # A time has colons in it.
        found = _VALUE.match(self._text, self._at)
        if found is None:
            raise self._error("expected a value; one with spaces or operators in it stands in quotes")
        self._at = found.end()
        return found[0]

    def _quoted(self, quote: str) -> str:
        start, taken, at = self._at, list[str](), self._at + 1
        while at < len(self._text):
            character = self._text[at]
            if character == quote:
                self._at = at + 1
                return "".join(taken)
            if character == "\\":
                at += 1
            taken.append(self._text[at : at + 1])
            at += 1
        self._at = start
        raise self._error(f"expected a closing {quote} somewhere after this one")

    def _word(self) -> str:
        found = _WORD.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found[0]

    def _skip_space(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _error(self, problem: str) -> FilterError:
        return FilterError(self._at + 1, problem)


def _typed(field: Field, text: str) -> str | int:
    """Return a value as its field has it; raise ValueError, whose text follows the field's name."""
    if field.kind is Kind.NUMBER:
        if not _NUMBER.fullmatch(text):
            message = "must be a whole number of up to 18 digits"
            raise ValueError(message)
        return int(text)
    if field.kind is Kind.TIME:
        return _milliseconds(text)
    if field.kind is Kind.STATE and text not in field.words:
        message = f"must be one of {', '.join(field.words)}"
        raise ValueError(message)
    if "\x00" in text:
        message = "contains a NUL character"
        raise ValueError(message)
    if len(text.encode(errors="replace")) > _LONGEST_TEXT_BYTES:
        message = f"has more than {_LONGEST_TEXT_BYTES} bytes"
        raise ValueError(message)
    return text


def _milliseconds(text: str) -> int:
    found = _TIME.fullmatch(text)
    if found is None:
        message = "must be a time such as 2026-11-26T12:00:00Z"
        raise ValueError(message)
    fraction = found["fraction"] or ""
    if fraction[3:].strip("0"):
        message = "has a time finer than milliseconds"
        raise ValueError(message)
    zone = found["zone"].upper().replace("Z", "+00:00")
    try:
        whole = datetime.fromisoformat(found["whole"].upper() + zone)
    except ValueError:
        message = "is a time that no calendar has"
        raise ValueError(message) from None
    since = whole - _EPOCH
    return since.days * _DAY_MS + since.seconds * 1000 + int(fraction[:3].ljust(3, "0"))
