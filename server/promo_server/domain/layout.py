"""How codes look, and the index space that campaigns of one layout share."""

from __future__ import annotations

from dataclasses import dataclass

MAXIMUM_CODES = 1_000_000_000
"""Most codes that one campaign or batch may ask for."""


@dataclass(frozen=True, slots=True)
class CodeLayout:
    """How a code is built, as the caller asked for it; empty and 0 mean the kernel's default."""

    length: int = 0
    charset: str = ""
    prefix: str = ""
    postfix: str = ""
    pattern: str = ""
    check_symbol: bool = False
    blocklist: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IndexRange:
    """Indices `[start, end)` of a layout; their codes belong to one campaign."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """How many indices the range has."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class RegisteredLayout:
    """A layout of a project with its own key and the part of its index space that was taken.

    `specification` is the kernel's canonical document, `fingerprint` names what it spells. `next_index` is the lowest
    index never taken. `capacity` is how many indices the layout has.
    """

    project_id: str
    number: int
    specification: str
    fingerprint: str
    wrapped_key: bytes
    capacity: int
    next_index: int


@dataclass(frozen=True, slots=True)
class TakenRange:
    """A range with the campaign that has it; `first_position` is the rank of its first code in that campaign."""

    layout_number: int
    range: IndexRange
    campaign_number: int
    first_position: int
