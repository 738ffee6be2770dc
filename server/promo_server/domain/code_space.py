"""Whether the codes of a campaign are computed or stored, and why.

Computed codes cost nothing until they are used, but need room: their safety against guessing is the share of the
space that is issued.
"""

from __future__ import annotations

from dataclasses import dataclass

from promo_server.domain.campaign import CodeMode
from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason

MAXIMUM_DENSITY = 1e-5
"""Highest share of a layout's space that computed codes may fill: of 100,000 guesses one hits a code."""

MAXIMUM_STORED = 1_000_000
"""Most stored codes that one campaign gets in one step."""

MAXIMUM_STORED_SHARE = 2
"""Stored codes may fill one part in this many; above, drawing unused ones takes ever longer."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why a layout cannot hold that many computed codes, and the smallest change that helps."""

    problem: str
    suggestion: str

    def refusal(self, count: int) -> DomainError:
        """Return the refusal of a call that asked for `count` codes."""
        return DomainError(
            Reason.CODE_SPACE_TOO_SMALL,
            count=count,
            problem=self.problem,
            suggestion=self.suggestion,
        )


OVERLAP = Shortage(
    "another layout of the project can spell the same strings",
    "use a prefix that no other layout has",
)


@dataclass(frozen=True, slots=True)
class ModeChoice:
    """The mode of a campaign and the reason in plain words."""

    mode: CodeMode
    reason: str


GIVEN = ModeChoice(CodeMode.STORED, "codes are stored one by one: callers give them")
"""Of a campaign that is created without codes."""


def choose_mode(shortage: Shortage | None, count: int) -> ModeChoice:
    """Return how `count` codes are kept, or refuse with CODE_SPACE_TOO_SMALL and the smallest change that helps."""
    if shortage is None:
        return ModeChoice(CodeMode.ARITHMETIC, "codes are computed from a counter, none is stored")
    if count > MAXIMUM_STORED:
        raise shortage.refusal(count)
    return ModeChoice(CodeMode.STORED, f"codes are stored one by one: {shortage.problem}")


def require_stored_room(domain: int, taken: int, count: int, shortage: Shortage) -> None:
    """Refuse with CODE_SPACE_TOO_SMALL when too few of a layout's codes are unused to draw `count` of them."""
    if (taken + count) * MAXIMUM_STORED_SHARE > domain:
        problem = f"the layout spells {domain} codes, of which at most half may exist"
        raise Shortage(problem, shortage.suggestion).refusal(count)
