"""Places in the ledger."""

from __future__ import annotations

from dataclasses import dataclass

_WIDTH = 20
"""Digits of the largest 64-bit number."""


@dataclass(frozen=True, slots=True, order=True)
class StreamId:
    """An entry's place in a stream of the store: milliseconds, and a number within them."""

    milliseconds: int = 0
    sequence: int = 0

    @classmethod
    def parse(cls, text: str) -> StreamId:
        """Read the store's spelling, or the fixed-width one."""
        milliseconds, _, sequence = text.partition("-")
        return cls(int(milliseconds), int(sequence or 0))

    @property
    def following(self) -> StreamId:
        """The lowest id after this one."""
        return StreamId(self.milliseconds, self.sequence + 1)

    @property
    def sortable(self) -> str:
        """The fixed-width spelling, whose order is that of the ids."""
        return f"{self.milliseconds:0{_WIDTH}d}-{self.sequence:0{_WIDTH}d}"

    def __str__(self) -> str:
        """Return the store's spelling."""
        return f"{self.milliseconds}-{self.sequence}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far the archive is in one partition: the outbox entry to read on after, and the last ledger entry in it."""

    outbox: StreamId = StreamId()
    ledger: StreamId = StreamId()
