"""The typed face of the codes crate: layouts checked, codes made and read as the engine's own code does it.

A specification is the canonical JSON document of a layout, with every default spelled out: stored and given back as it
is, it spells the same codes even when a default changes. An index is a code's number in its layout; a position is its
rank in the index ranges of one campaign. Ranges are half-open pairs of indices in the order of issue.
"""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypedDict, cast

from promo_server import _native

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

NO_CODE: Final = 2**64 - 1
"""Stands in arrays for a line that is no code."""


class InvalidLayoutError(ValueError):
    """A layout that contradicts itself: which field, and what is wrong with it."""

    def __init__(self, field: str, problem: str) -> None:
        """Carry both; the text has them."""
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class ResumeMismatchError(ValueError):
    """A file that is to be resumed is not a beginning of the export; it was left as it is."""


class LayoutDocument(TypedDict, total=False):
    """A layout as it is asked for; 0 and empty mean the same as left out."""

    length: int
    charset: str
    prefix: str
    postfix: str
    pattern: str
    check_symbol: bool
    blocklist: Sequence[str]


@dataclass(frozen=True, slots=True)
class LayoutReport:
    """What a layout comes to for some number of codes.

    `length` is that of the layout with its default filled in, 0 where it has a pattern. `domain` is how many codes the
    layout spells, at most 2^128 - 1. `problem` and `suggestion` say why the codes cannot be computed ones, and the
    smallest change that helps; both are None when they can.
    """

    specification: str
    fingerprint: str
    length: int
    symbols: int
    width: int
    domain: int
    mode: Literal["arithmetic", "stored"]
    problem: str | None
    suggestion: str | None


def check_layout(layout: LayoutDocument | str, count: int, max_density: float) -> LayoutReport:
    """Return what a layout comes to for `count` codes; raise InvalidLayoutError when it contradicts itself.

    `max_density` is the highest share of the layout's codes that may be issued. A layout with neither length nor
    pattern gets a length that holds the codes.
    """
    document = layout if isinstance(layout, str) else json.dumps(layout)
    try:
        report = json.loads(_native.check_layout(document, count, max_density))
    except _native.LayoutInvalidError as error:
        raise _invalid(error) from None
    return LayoutReport(**{**report, "domain": int(report["domain"])})


def layouts_overlap(first: str, second: str) -> bool:
    """Return whether some typed text could be a code of both layouts, by case and look-alikes too."""
    return _native.layouts_overlap(first, second)


def new_wrapped_key(master: bytes) -> bytes:
    """Return a new layout key, wrapped by a master of 32 bytes."""
    return _native.new_wrapped_key(master)


def rewrap_key(wrapped_key: bytes, old_master: bytes, new_master: bytes) -> bytes:
    """Return the same layout key, wrapped by another master."""
    return _native.rewrap_key(wrapped_key, old_master, new_master)


class Codec:
    """Codes of one layout under its key. Bulk methods release the GIL; threads may share a codec."""

    def __init__(self, specification: str, wrapped_key: bytes, master: bytes) -> None:
        """Unwrap the key and keep it inside the compiled module; ValueError when it is not this master's."""
        try:
            self._codec = _native.Codec(specification, wrapped_key, master)
        except _native.LayoutInvalidError as error:
            raise _invalid(error) from None

    @property
    def capacity(self) -> int:
        """Indices are below it: the layout's domain, at most 2^64 - 1."""
        return self._codec.capacity

    @property
    def width(self) -> int:
        """Bytes of every code."""
        return self._codec.width

    @property
    def line_bytes(self) -> int:
        """Bytes of every code with the line feed after it."""
        return self._codec.width + 1

    @property
    def fingerprint(self) -> str:
        """Names what the layout spells and skips; equal layouts have equal ones."""
        return self._codec.fingerprint

    def encode(self, index: int) -> str | None:
        """Return the code of an index; None beyond the capacity and where the blocklist skips it."""
        return self._codec.encode(index)

    def decode(self, code: str) -> int | None:
        """Return the index of a typed code; None when the layout does not spell it. Says nothing on what was issued."""
        return self._codec.decode(code)

    def normalise(self, code: str) -> str | None:
        """Return a typed text in the layout's own spelling; None when it has another form. Ignores the check symbol."""
        return self._codec.normalise(code)

    def count_blocked(self, start: int, end: int) -> int:
        """Return how many indices of a range the blocklist skips. Without a blocklist that costs nothing."""
        return self._codec.count_blocked(start, end)

    def end_of_range(self, start: int, count: int) -> int | None:
        """Return the end of the shortest range from `start` that has `count` codes; None when the space ends before."""
        return self._codec.end_of_range(start, count)

    def export(self, start: int, end: int, separator: bytes = b"\n") -> bytes:
        """Return the codes of an index range in order, each followed by the separator; at most 2^24 indices."""
        return self._codec.encode_range(start, end, separator)

    def export_positions(
        self, ranges: Sequence[tuple[int, int]], first: int, count: int, separator: bytes = b"\n"
    ) -> bytes:
        """Return the codes of `count` positions of a campaign, each followed by the separator; at most 2^24 of them."""
        return self._codec.encode_positions(ranges, first, count, separator)

    def decode_lines(self, text: bytes) -> array[int]:
        """Return the index of the code on each line, NO_CODE where there is none."""
        return array("Q", self._codec.decode_lines(text))

    def locate_lines(self, text: bytes, ranges: Sequence[tuple[int, int]]) -> array[int]:
        """Return the position of the code on each line in a campaign's ranges, NO_CODE where it is not in them."""
        return array("Q", self._codec.locate_lines(text, ranges))

    def normalise_beginning(self, text: str) -> str | None:
        """Return the beginning of a code in the layout's own spelling; None when no code begins so."""
        return self._codec.normalise_beginning(text)

    def locate_beginning(self, text: str, ranges: Sequence[tuple[int, int]], most: int) -> array[int] | int:
        """Return the positions in a campaign's ranges of the codes that begin with a typed text, ascending.

        Positions that the blocklist skips can be among them. A number stands for positions that are not told: 0 when
        every code begins so, else how many symbols the text lacks for finding them by a look at `most` codes.
        """
        positions, missing = self._codec.locate_beginning(text, ranges, most)
        return missing if positions is None else array("Q", positions)

    def write_file(
        self,
        path: Path,
        ranges: Sequence[tuple[int, int]],
        *,
        first: int = 0,
        end: int = NO_CODE,
        separator: bytes = b"\n",
        resume: bool = False,
        threads: int = 1,
        progress: Callable[[int, int], object] = lambda _codes, _next_position: None,
    ) -> int:
        """Write the codes of positions `[first, end)` of a campaign to a file; return how many were written.

        The bytes are the same each time and for any number of threads, and memory does not grow with the file. With
        `resume` the file is continued after its last whole code, and ResumeMismatchError raised when it is not a
        beginning of this export; without, it is replaced. `progress(codes written, next position)` is called some
        twenty times a second and at the end; what it raises stops the export, which can then be resumed.
        """
        try:
            return self._codec.write_file(
                path,
                ranges,
                first=first,
                end=end,
                separator=separator,
                resume=resume,
                threads=threads,
                progress=progress,
            )
        except _native.ResumeMismatchError as error:
            raise ResumeMismatchError(str(error)) from None


def _invalid(error: _native.LayoutInvalidError) -> InvalidLayoutError:
    field, problem = cast("tuple[str, str]", error.args)
    return InvalidLayoutError(field, problem)
