"""Fields of messages in the words of a command line: which option set what the server refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from inspect import BoundArguments
from typing import Annotated, get_args, get_origin

from cyclopts import App

_PART = re.compile(r"\[(?P<entry>[^\]]*)\]\.?(?P<rest>.*)$|(?<=\bmetadata)\.(?P<key>.+)$")
"""What a path says of an entry of a list or a map: `items[0].price`, `metadata[a]`."""
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True, init=False)
class Sets:
    """Beside a parameter: the fields that it sets, where these are not named like it.

    Each is the end of a path, long enough to be no other's: `discount.amount.amount_off` ends with `amount.amount_off`.
    """

    fields: tuple[str, ...]

    def __init__(self, *fields: str) -> None:
        """Name the fields."""
        object.__setattr__(self, "fields", fields)


@dataclass(frozen=True, slots=True)
class _Given:
    """An option of a command line, with its value or values."""

    name: str
    values: tuple[object, ...]


def option_of(path: str, app: App, arguments: Sequence[str]) -> str:
    """Return the option of a command line that set a field; the path of the field itself when none did."""
    return _spell(path, _given(app, arguments))


def _spell(path: str, given: Mapping[str, _Given]) -> str:
    part = _PART.search(path)
    names = path[: part.start() if part else None].split(".")
    ends = (".".join(names[start:]) for start in range(len(names)))
    option = next((given[end] for end in ends if end in given), None)
    if option is None:
        return path
    if part is None:
        return option.name
    # Keys of a map can be digits too, and are no places then.
    is_key = names[-1] == "metadata"
    named = " ".join(filter(None, (option.name, _entry(option, part["entry"] or part["key"], is_key=is_key))))
    rest = part["rest"]
    # The code of a CODE is all that it has.
    return named if not rest or rest.upper() == option.name else f"{named}, {rest}"


def _entry(option: _Given, entry: str, *, is_key: bool) -> str:
    """Return which of an option's values is meant: it itself, unless it is too long to be repeated."""
    is_place = not is_key and entry.isdecimal() and int(entry) < len(option.values)
    value = str(option.values[int(entry)]) if is_place else entry
    return value if len(value) <= _LONGEST_SHOWN else ""


def _given(app: App, arguments: Sequence[str]) -> dict[str, _Given]:
    """Return what a command line gives, by the ends of the paths of the fields that it sets."""
    _, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    _, apps, _ = app.parse_commands(arguments)
    values = dict(_values(bound))
    found: dict[str, _Given] = {}
    for argument in apps[-1].assemble_argument_collection():
        name = argument.field_info.name
        if name not in values or argument.name.startswith("*"):
            continue
        for field in (name, *_sets(argument.field_info.annotation)):
            before = found.get(field)
            # One that may be given several times can be two parameters: the first, and the others.
            found[field] = _Given(
                before.name if before else argument.name, (*(before.values if before else ()), *values[name])
            )
    return found


def _values(bound: BoundArguments) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Yield the parameters that were given, those in groups of options too."""
    for name, value in bound.arguments.items():
        if is_dataclass(value):
            for field in fields(value):
                inner = getattr(value, field.name)
                if inner != field.default:
                    yield field.name, inner if isinstance(inner, tuple) else (inner,)
        else:
            yield name, value if isinstance(value, tuple) else (value,)


def _sets(annotation: object) -> tuple[str, ...]:
    if get_origin(annotation) is not Annotated:
        return ()
    return tuple(field for extra in get_args(annotation)[1:] if isinstance(extra, Sets) for field in extra.fields)
