"""Adds codes to campaigns and lists what was added."""

from __future__ import annotations

from dataclasses import replace

from promo_server.domain.access import Caller, Project
from promo_server.domain.campaign import CodeBatch, CodeMode
from promo_server.domain.identifiers import RANDOM_BYTES, resource_id
from promo_server.domain.operation import Operation, OperationState
from promo_server.domain.paging import Page, PageOf
from promo_server.domain.requests import Repeat
from promo_server.services.changes import Changes
from promo_server.services.code_issue import CodeIssue
from promo_server.services.documents import OPERATION
from promo_server.services.grow_campaign import GrowCampaign
from promo_server.services.operations import OperationRunner
from promo_server.services.ports import Database, Entropy, UnitOfWork
from promo_server.services.read_campaigns import find_campaign, find_to_add_codes


class CodeBatches:
    """Code batches of the caller's project."""

    def __init__(
        self,
        database: Database,
        changes: Changes,
        grow: GrowCampaign,
        codes: CodeIssue,
        runner: OperationRunner,
        entropy: Entropy,
    ) -> None:
        """Keep what batches need."""
        self._database = database
        self._changes = changes
        self._grow = grow
        self._codes = codes
        self._runner = runner
        self._entropy = entropy

    async def create(
        self,
        caller: Caller,
        name: str,
        count: int,
        repeat: Repeat,
        *,
        validate_only: bool = False,
    ) -> Operation:
        """Return an operation whose result is the batch.

        Computed codes are there when the call returns; stored ones are drawn afterwards, all or none.
        """

        async def change(unit: UnitOfWork, project: Project, now_ms: int) -> Operation:
            campaign = await find_to_add_codes(unit, project.id, name)
            operation = Operation(
                id=resource_id("op", self._entropy(RANDOM_BYTES)),
                project_id=project.id,
                campaign_id=campaign.id,
                state=OperationState.RUNNING,
                total_count=count,
                done_count=0,
                create_ms=now_ms,
            )
            if campaign.code_mode is CodeMode.ARITHMETIC:
                batch = await self._grow(unit, project, campaign, count, now_ms)
                operation = replace(
                    operation, state=OperationState.SUCCEEDED, end_ms=now_ms, done_count=count, batch=batch
                )
            else:
                self._codes.require_stored_room(campaign, count)
            await unit.operations.insert(operation)
            return operation

        operation = await self._changes.run(caller.project, repeat, OPERATION, change, validate_only=validate_only)
        if not operation.done and not validate_only:
            self._runner.start(operation)
        return operation

    async def page(self, caller: Caller, name: str, page: Page) -> PageOf[CodeBatch]:
        """Return a page of batches, oldest first."""
        async with self._database.read() as unit:
            campaign = await find_campaign(unit, caller.project, name)
            return await unit.batches.page(campaign.id, page)
