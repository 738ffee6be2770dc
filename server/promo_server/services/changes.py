"""The frame that every change of a definition runs in."""

from __future__ import annotations

from typing import Protocol, TypeVar

from pydantic import TypeAdapter

from promo_server.domain.access import Project
from promo_server.domain.requests import Repeat
from promo_server.services.answers import first_answer, keep_answer
from promo_server.services.bundles import BundlePublisher
from promo_server.services.ports import Clock, Database, UnitOfWork

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Change(Protocol[Result_co]):
    """What one use case does in its transaction."""

    async def __call__(self, unit: UnitOfWork, project: Project, now_ms: int, /) -> Result_co:
        """Check and write; `project` is locked, so checks hold until the end."""
        ...


class Changes:
    """Runs changes: once per request id, all or nothing, in the store when the call returns."""

    def __init__(self, database: Database, publisher: BundlePublisher, clock: Clock) -> None:
        """Keep what changes need."""
        self._database = database
        self._publisher = publisher
        self._clock = clock

    async def run(
        self,
        project_id: str,
        repeat: Repeat,
        answers: TypeAdapter[Result],
        change: Change[Result],
        *,
        validate_only: bool = False,
    ) -> Result:
        """Return the result of the change, or the first answer when the request id was used for the same request.

        With `validate_only` the change is made and undone, so it fails exactly when the real call would. When the
        store does not answer, the change is kept, the call fails with STORE_UNAVAILABLE, and a worker publishes
        the change later.
        """
        async with self._database.write() as unit:
            now_ms = self._clock()
            project = await unit.projects.lock(project_id)
            first = await first_answer(unit, project_id, repeat, now_ms)
            if first is not None:
                result = answers.validate_json(first)
            else:
                result = await change(unit, project, now_ms)
                if validate_only:
                    await unit.rollback()
                    return result
                await keep_answer(unit, project_id, repeat, answers.dump_json(result), now_ms)
        if not validate_only:
            await self._publisher.publish(project_id)
        return result
