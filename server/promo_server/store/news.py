"""Says which projects have news for the archive, however many there are.

The store does nothing else while it looks at streams, or begins to wait for them, so no request is about many. A client
that waits for few streams hears of news at once; where there are more, it waits for those that had news last, and looks
at all of them now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from hiredis import pack_command
from redis.asyncio import Redis

from promo_server.domain.ledger import Checkpoint
from promo_server.store import keys
from promo_server.store.client import send_packed, store_errors

_WAITED_FOR = 256
"""Streams that are waited for: beginning and ending that takes the store about a microsecond for each."""

_LOOKED_AT = 1_024
"""Streams that one request looks at without waiting: that takes the store about a third of a microsecond for each."""

_LOOK_MS = 500
"""Between two looks at all streams."""

_LATE_MS = 100
"""How late an idle store looks at who has waited long enough."""

_Known = Mapping[str, Mapping[int, Checkpoint]]
"""How far the archive is, by project and partition."""

_Place = tuple[str, int]
"""An outbox: id of its project, and its partition."""


class OutboxNews:
    """Waits for news in outboxes; for one consumer, since it remembers where the last ones came from."""

    def __init__(self, client: Redis, partitions: int) -> None:
        """Use the client; `partitions` must be what the engine uses."""
        self._client = client
        self._partitions = partitions
        # The client ends every wait after its timeout, also one for an answer that is to come late.
        timeout_seconds = client.get_connection_kwargs().get("socket_timeout")  # type: ignore[no-untyped-call]
        half_ms = 0 if timeout_seconds is None else int(timeout_seconds * 1000) // 2
        self._longest_block_ms = max(0, half_ms - _LATE_MS)
        self._recent: dict[_Place, None] = {}
        """Where news came from, the newest last."""
        self._looks: dict[str, tuple[Mapping[int, Checkpoint], bytes]] = {}
        """The packed command that looks at a project's outboxes, and for which checkpoints it was made."""
        self._next_look = 0.0

    async def wait(self, known: _Known, block_ms: int) -> Collection[str]:
        """Return the projects that have news, once one has, or none after `block_ms` at the latest.

        Of more than `_WAITED_FOR` streams, it can be half a second until news in one that had none for long are found.
        It does not wait where the client's own timeout leaves no time for that.
        """
        block_ms = min(block_ms, self._longest_block_ms)
        if len(known) * self._partitions > _WAITED_FOR:
            now = asyncio.get_running_loop().time()
            if now >= self._next_look:
                found = await self._look(known)
                self._next_look = now + _LOOK_MS / 1000
                if found:
                    return found
            block_ms = min(block_ms, max(1, int((self._next_look - now) * 1000)))
        return await self._block(known, block_ms)

    async def _look(self, known: _Known) -> Collection[str]:
        """Return the projects that have news now."""
        self._looks = {project_id: self._look_at(project_id, done) for project_id, done in known.items()}
        looks = [(project_id, packed) for project_id, (_, packed) in self._looks.items()]
        at_once = max(1, _LOOKED_AT // self._partitions)
        found = set[str]()
        for first in range(0, len(looks), at_once):
            some = looks[first : first + at_once]
            answers = await send_packed(self._client, b"".join(packed for _, packed in some), len(some))
            for (project_id, _), answer in zip(some, answers, strict=True):
                if answer:
                    found |= self._remember(answer, self._places([project_id]))
        return found

    def _look_at(self, project_id: str, done: Mapping[int, Checkpoint]) -> tuple[Mapping[int, Checkpoint], bytes]:
        made = self._looks.get(project_id)
        # To name and pack each time what mostly stays the same would take most of a look.
        if made is not None and made[0] == done:
            return made
        streams = _streams({project_id: done}, self._places([project_id]))
        command = ("XREAD", "COUNT", 1, "STREAMS", *streams, *streams.values())
        return dict(done), pack_command(command)  # type: ignore[arg-type]

    async def _block(self, known: _Known, block_ms: int) -> Collection[str]:
        """Return the projects that have news in the outboxes that had the last ones, once there are some."""
        recent = (place for place in reversed(self._recent) if place[0] in known)
        others = (place for place in self._places(known) if place not in self._recent)
        wanted = list(islice(chain(recent, others), _WAITED_FOR))
        if not wanted:
            return set()
        streams = _streams(known, wanted)
        async with store_errors():
            answer = await self._client.xread(streams, count=1, block=block_ms or None)  # type: ignore[arg-type]
        return self._remember(answer, wanted)

    def _places(self, project_ids: Iterable[str]) -> Iterator[_Place]:
        return ((project_id, partition) for project_id in project_ids for partition in range(self._partitions))

    def _remember(self, answer: Any, places: Iterable[_Place]) -> set[str]:  # noqa: ANN401 - of either protocol version
        """Return the projects of the streams that an answer has, and keep in mind which these are."""
        by_name = {keys.outbox(*place).encode(): place for place in places}
        found = [by_name[stream] for stream in (answer if isinstance(answer, dict) else dict(answer or ()))]
        for place in found:
            self._recent.pop(place, None)
            self._recent[place] = None
        while len(self._recent) > _WAITED_FOR:
            del self._recent[next(iter(self._recent))]
        return {project_id for project_id, _ in found}


def _streams(known: _Known, places: Iterable[_Place]) -> dict[str, str]:
    """Return the names of outboxes, each with the id of the last entry that the archive has."""
    return {
        keys.outbox(project_id, partition): str(known[project_id].get(partition, Checkpoint()).outbox)
        for project_id, partition in places
    }
