"""Lists that have what their caller has just written.

A caller's last write is in the store's outbox before the caller hears of it. So a list that waits until the archive has
passed what the outboxes held when the call came has every write of its caller, and of everybody else, from before the
call; no token has to be carried from a write to a read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from promo_server.domain.ledger import Checkpoint, StreamId
from promo_server.services.ports import Database

WAIT_SECONDS = 2.0
"""How long a read waits for the archive."""

_FIRST_LOOK_SECONDS = 0.004
_LONGEST_LOOK_SECONDS = 0.05


class Outboxes(Protocol):
    """What the store has for the archive."""

    async def newest_waiting(self, project_id: str) -> Mapping[int, StreamId]:
        """Return the newest entry of each partition's outbox that has one."""
        ...

    async def oldest_waiting(self, project_id: str) -> Mapping[int, StreamId]:
        """Return the oldest entry of each partition's outbox that has one."""
        ...


class Freshness:
    """Waits, within a time, until the archive has what happened before now."""

    def __init__(self, database: Database, outboxes: Outboxes, wait_seconds: float = WAIT_SECONDS) -> None:
        """Keep what waiting needs."""
        self._database = database
        self._outboxes = outboxes
        self._wait_seconds = wait_seconds

    async def stale_since(self, project_id: str) -> int | None:
        """Return None once everything from before the call is archived.

        When that takes too long, return the time of the oldest entry that is missing, milliseconds since 1970.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._wait_seconds
        wanted = await self._outboxes.newest_waiting(project_id)
        pause = _FIRST_LOOK_SECONDS
        while wanted:
            # Entries of an archived round stay in the outbox until the next one when a projection died in between.
            async with self._database.read() as unit:
                reached = await unit.archive.checkpoints(project_id)
            wanted = {
                partition: newest
                for partition, newest in wanted.items()
                if reached.get(partition, Checkpoint()).outbox < newest
            }
            if wanted and loop.time() + pause > deadline:
                oldest = await self._outboxes.oldest_waiting(project_id)
                return min(oldest.get(partition, newest).milliseconds for partition, newest in wanted.items())
            if wanted:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_LOOK_SECONDS)
        return None
