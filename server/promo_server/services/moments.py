"""Moments of the store's history, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoreMoment:
    """Where the history of the store is.

    `node` becomes another one when another node takes over, or the same one starts again. `epoch` counts announcements;
    it is None where nothing was ever announced.
    """

    node: str
    epoch: int | None


@dataclass(frozen=True, slots=True)
class KnownEpoch:
    """The highest epoch that a store is known to have had, 0 when none is; `lost` when it has lost something since."""

    epoch: int = 0
    lost: bool = False
