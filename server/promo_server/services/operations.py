"""Runs the long operations, and answers for all of them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Protocol

from promo_server.domain.access import Caller
from promo_server.domain.campaign import CodeBatch
from promo_server.domain.errors import DomainError
from promo_server.domain.operation import Operation, OperationState, failure_of
from promo_server.domain.paging import Page, PageOf
from promo_server.domain.reasons import Reason
from promo_server.services.bundles import BundlePublisher
from promo_server.services.grow_campaign import GrowCampaign
from promo_server.services.ports import Clock, Database, UnitOfWork

_POLL_SECONDS = 0.2
"""How often a waiting call looks at an operation that another server runs."""


class _CancelledError(Exception):
    """The operation was cancelled; its transaction is rolled back."""


class FailureLog(Protocol):
    """Hears of operations that ended by a defect."""

    def __call__(self, operation: Operation, error: Exception, /) -> None:
        """Note the error."""
        ...


class OperationRunner:
    """Runs operations of this server in the background.

    The work of an operation is one transaction, so a server that dies leaves nothing half done: `resume` starts it
    again from the beginning.
    """

    def __init__(
        self,
        database: Database,
        publisher: BundlePublisher,
        grow: GrowCampaign,
        clock: Clock,
        failed: FailureLog,
    ) -> None:
        """Keep what running needs."""
        self._database = database
        self._publisher = publisher
        self._grow = grow
        self._clock = clock
        self._failed = failed
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._done: dict[str, int] = {}
        self._cancelled: set[str] = set()

    def start(self, operation: Operation) -> None:
        """Begin an operation, unless it runs."""
        if operation.id not in self._tasks:
            task = asyncio.create_task(self._run(operation), name=operation.id)
            self._tasks[operation.id] = task
            task.add_done_callback(lambda _task: self._forget(operation.id))

    def _forget(self, operation_id: str) -> None:
        self._tasks.pop(operation_id, None)
        self._done.pop(operation_id, None)
        self._cancelled.discard(operation_id)

    async def resume(self) -> int:
        """Start the operations that an earlier server left, and return how many."""
        async with self._database.read() as unit:
            left = await unit.operations.running()
        for operation in left:
            self.start(operation)
        return len(left)

    async def stop(self) -> None:
        """End the running operations; they will be resumed."""
        self._cancelled.update(self._tasks)
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def with_progress(self, operation: Operation) -> Operation:
        """Return the operation with the progress that only this server knows."""
        done = self._done.get(operation.id)
        return operation if operation.done or done is None else replace(operation, done_count=done)

    async def wait(self, operation_id: str, seconds: float) -> None:
        """Return when the operation has ended here, or after some time."""
        task = self._tasks.get(operation_id)
        if task is None:
            await asyncio.sleep(min(seconds, _POLL_SECONDS))
        else:
            await asyncio.wait([task], timeout=seconds)

    async def cancel(self, operation_id: str) -> None:
        """End an operation here and undo its work."""
        task = self._tasks.get(operation_id)
        if task is not None:
            self._cancelled.add(operation_id)
            await asyncio.wait([task])

    async def _run(self, operation: Operation) -> None:
        try:
            # While database or store are away it stays running, and is tried again later.
            batch = await self._work(operation)
        except _CancelledError:
            return
        except DomainError as error:
            if error.reason not in {Reason.DATABASE_UNAVAILABLE, Reason.STORE_UNAVAILABLE}:
                await self._fail(operation, error)
        except Exception as error:  # noqa: BLE001 - the border of a background task
            self._failed(operation, error)
            await self._fail(operation, DomainError(Reason.INTERNAL, request=operation.id))
        else:
            if batch is not None:
                await self._publish(operation)

    async def _publish(self, operation: Operation) -> None:
        """Publish what the operation has made; it has succeeded, and what fails here is published later."""
        try:
            await self._publisher.publish(operation.project_id)
        except DomainError:
            return
        except Exception as error:  # noqa: BLE001 - the border of a background task
            self._failed(operation, error)

    def _progress(self, operation_id: str, done: int) -> None:
        """Note how many codes are drawn; between two pieces of the work it can be cancelled."""
        if operation_id in self._cancelled:
            raise _CancelledError
        self._done[operation_id] = done

    async def _work(self, operation: Operation) -> CodeBatch | None:
        async with self._database.write() as unit:
            project = await unit.projects.lock(operation.project_id)
            current = await unit.operations.by_id(operation.project_id, operation.id)
            if current is None or current.done:
                return None
            campaign = await unit.campaigns.find(operation.project_id, operation.campaign_id)
            if campaign is None:
                raise DomainError(Reason.CAMPAIGN_NOT_FOUND, campaign=operation.campaign_id)
            count = operation.total_count
            note = partial(self._progress, operation.id)
            batch = await self._grow(unit, project, campaign, count, self._clock(), note)
            now_ms = self._clock()
            ended = replace(operation, state=OperationState.SUCCEEDED, end_ms=now_ms, done_count=count, batch=batch)
            await unit.operations.update(ended)
            return batch

    async def _fail(self, operation: Operation, error: DomainError) -> None:
        reason, metadata = failure_of(error)
        failed = replace(
            operation,
            state=OperationState.FAILED,
            end_ms=self._clock(),
            failure_reason=reason,
            failure_metadata=metadata,
        )
        # Where that cannot be written it stays running, and is tried again.
        with suppress(DomainError):
            async with self._database.write() as unit:
                await unit.projects.lock(operation.project_id)
                current = await unit.operations.by_id(operation.project_id, operation.id)
                if current is not None and not current.done:
                    await unit.operations.update(failed)


class Operations:
    """Looks at, waits for, cancels and forgets operations of the caller's project."""

    def __init__(self, database: Database, runner: OperationRunner, clock: Clock) -> None:
        """Keep what operations need."""
        self._database = database
        self._runner = runner
        self._clock = clock

    async def get(self, caller: Caller, operation_id: str) -> Operation:
        """Return an operation."""
        async with self._database.read() as unit:
            return self._runner.with_progress(await _find(unit, caller, operation_id))

    async def page(self, caller: Caller, page: Page) -> PageOf[Operation]:
        """Return a page of operations, newest first."""
        async with self._database.read() as unit:
            found = await unit.operations.page(caller.project, page)
        return replace(found, rows=tuple(self._runner.with_progress(row) for row in found.rows))

    async def wait(self, caller: Caller, operation_id: str, seconds: float) -> Operation:
        """Return the operation when it has ended, or as it is after some time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            operation = await self.get(caller, operation_id)
            left = deadline - loop.time()
            if operation.done or left <= 0:
                return operation
            await self._runner.wait(operation_id, left)

    async def cancel(self, caller: Caller, operation_id: str) -> None:
        """Cancel an operation; one that has ended stays as it is."""
        async with self._database.read() as unit:
            await _find(unit, caller, operation_id)
        await self._runner.cancel(operation_id)
        async with self._database.write() as unit:
            # Another server may be at work on it, or just have ended it.
            await unit.projects.lock(caller.project)
            operation = await _find(unit, caller, operation_id)
            if not operation.done:
                cancelled = replace(operation, state=OperationState.CANCELLED, end_ms=self._clock())
                await unit.operations.update(cancelled)

    async def delete(self, caller: Caller, operation_id: str) -> None:
        """Forget an operation; a running one is cancelled."""
        await self.cancel(caller, operation_id)
        async with self._database.write() as unit:
            await _find(unit, caller, operation_id)
            await unit.operations.delete(operation_id)


async def _find(unit: UnitOfWork, caller: Caller, operation_id: str) -> Operation:
    operation = await unit.operations.by_id(caller.project, operation_id)
    if operation is None:
        raise DomainError(Reason.OPERATION_NOT_FOUND, operation=operation_id)
    return operation
