"""How a simulated Braze misbehaves, one request after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

Kind = Literal["throttle", "status", "queued", "partial", "silence", "reset"]
KINDS: Final = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request."""

    kind: Kind
    """throttle: 429 with the rate headers. status: `status`. queued: 202, and the objects are taken. partial: 201, and
    objects at `indexes` of `array` are refused. silence: no answer for `seconds`. reset: the connection is closed."""
    status: int = 503
    seconds: float = 1.0
    """Until the rate limit's reset, or of silence."""
    array: str = "events"
    indexes: tuple[int, ...] = (0,)
    takes: bool = False
    """With silence and reset: whether the objects are taken all the same."""
    vague: bool = False
    """With partial: the errors do not say which objects they mean."""
    headers: bool = True
    """With throttle: whether the rate headers are sent."""

    @classmethod
    def parse(cls, document: dict[str, Any]) -> list[Fault]:
        """Return the faults of one JSON object: its fields, and `times`, 1 by default. Raises ValueError."""
        fields = dict(document)
        times = fields.pop("times", 1)
        if fields.get("kind") not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        if "indexes" in fields:
            fields["indexes"] = tuple(fields["indexes"])
        try:
            return [cls(**fields)] * int(times)
        except TypeError as error:
            raise ValueError(str(error)) from None
