"""Takes codes out of the store that got there after their import was aborted."""

from __future__ import annotations

from promo_server.domain.code_import import LateCodes
from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason
from promo_server.services.ports import Clock, Database, DefinitionStore, UnitOfWork

_DUE_MS = 60_000
"""How long after an abort codes may be on their way: longer than any command waits for the store."""

_AWAY = 2
"""Failures in a row after which it is the store that is away, and not one record that it refuses."""


class TakeLateCodesBack:
    """Looks again after codes that nobody saw arrive: their server has ended meanwhile, or failed to take them back."""

    def __init__(self, database: Database, store: DefinitionStore, clock: Clock) -> None:
        """Keep what looking needs."""
        self._database = database
        self._store = store
        self._clock = clock

    async def __call__(self) -> None:
        """Take back all codes whose time has come; what keeps some fails the whole after the others had their turn.

        When two in a row find no store, the others have none.
        """
        failures = list[Exception]()
        unavailable = 0
        late: LateCodes | None = None
        while True:
            async with self._database.read() as unit:
                late = await unit.imports.due_late(self._clock(), late)
            if late is None:
                break
            try:
                await self._take_back(late)
            except Exception as error:  # noqa: BLE001 - raised below
                failures.append(error)
                is_away = isinstance(error, DomainError) and error.reason is Reason.STORE_UNAVAILABLE
                unavailable = unavailable + 1 if is_away else 0
                if unavailable == _AWAY:
                    break
            else:
                unavailable = 0
        if failures:
            raise failures[0]

    async def _take_back(self, late: LateCodes) -> None:
        async with self._database.write() as unit:
            await unit.projects.lock(late.ended.project_id)
            await take_back(unit, self._store, late)
            await unit.imports.forget_late(late)


async def keep_late(unit: UnitOfWork, late: LateCodes, now_ms: int) -> None:
    """Have codes of an import that is being aborted looked after once no server can still be putting them."""
    if late.codes:
        await unit.imports.keep_late(late, now_ms + _DUE_MS)


async def take_back(unit: UnitOfWork, store: DefinitionStore, late: LateCodes) -> None:
    """Let the store have of an import's codes, and of their positions, what SQL has of them by now.

    Meanwhile the codes or the positions can be another import's, and in use: those are put right before anything is
    taken out, and never taken out themselves. The project must be locked.
    """
    ended, first_position, codes = late.ended, late.first_position, late.codes
    there = await unit.stored_codes.slice(ended.campaign_id, first_position, len(codes))
    if there:
        await store.put_stored_codes(ended.project_id, ended.campaign_number, first_position, there)
    places = await unit.stored_codes.places(ended.project_id, codes)
    right = set(there)
    elsewhere = {code: place for code, place in places.items() if code not in right}
    if elsewhere:
        await store.put_places(ended.project_id, elsewhere)
    gone = [code for code in codes if code not in places]
    unused = range(first_position + len(there), first_position + len(codes))
    await store.delete_stored_codes(ended.project_id, ended.campaign_number, unused, gone)
