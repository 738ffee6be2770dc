"""Imports existing codes into a campaign, in chunks that are taken in wholly or not at all.

Rows go into SQL as they come, and from there into the store; no code of an import can be used before it is finished,
since the campaign does not have its position before. So an import that was interrupted anywhere goes on with the row
that it says, and one that is aborted leaves nothing behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from weakref import WeakValueDictionary

from promo_server.domain.access import Caller, Project
from promo_server.domain.campaign import Campaign, CodeBatch, CodeMode
from promo_server.domain.code_import import CodeImport, ImportState, LateCodes, NewRows, RefusedRow
from promo_server.domain.errors import DomainError, FieldsInvalidError, Violation
from promo_server.domain.given_code import LONGEST_CODE, problem_of
from promo_server.domain.identifiers import RANDOM_BYTES, resource_id
from promo_server.domain.paging import Page, PageOf
from promo_server.domain.reasons import Reason
from promo_server.domain.requests import Repeat
from promo_server.services import pending
from promo_server.services.answers import first_answer, keep_answer
from promo_server.services.bundles import BundlePublisher
from promo_server.services.changes import Changes
from promo_server.services.documents import CODE_IMPORT
from promo_server.services.given_codes import GivenCodes
from promo_server.services.late_codes import keep_late, take_back
from promo_server.services.open_imports import require_no_import
from promo_server.services.ports import Clock, Database, DefinitionStore, Entropy, UnitOfWork
from promo_server.services.read_campaigns import find_to_add_codes

_AT_ONCE = 10_000
"""Codes put into the store, or taken out again, in one step."""


class ImportCodes:
    """The imports of the caller's project."""

    def __init__(
        self,
        database: Database,
        store: DefinitionStore,
        changes: Changes,
        publisher: BundlePublisher,
        codes: GivenCodes,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        """Keep what importing needs."""
        self._database = database
        self._store = store
        self._changes = changes
        self._publisher = publisher
        self._codes = codes
        self._clock = clock
        self._entropy = entropy
        self._stored: dict[str, int] = {}
        """How many accepted codes of an import this process has put into the store, once it knows."""
        self._puts: dict[str, asyncio.Task[None]] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def start(
        self,
        caller: Caller,
        campaign_name: str,
        source: str,
        repeat: Repeat,
        *,
        validate_only: bool = False,
    ) -> CodeImport:
        """Return a new import; refuse with IMPORT_IN_PROGRESS while the campaign has another."""

        async def change(unit: UnitOfWork, project: Project, now_ms: int) -> CodeImport:
            campaign = await find_to_add_codes(unit, project.id, campaign_name)
            if campaign.code_mode is not CodeMode.STORED:
                problem = "has computed codes; import into a campaign that was created with code_count 0 (--codes 0)"
                raise FieldsInvalidError((Violation("campaign", problem),))
            await require_no_import(unit, campaign)
            new = CodeImport(
                id=resource_id("imp", self._entropy(RANDOM_BYTES)),
                project_id=project.id,
                campaign_id=campaign.id,
                campaign_number=campaign.number,
                state=ImportState.RUNNING,
                source=source,
                first_position=campaign.code_count,
                create_ms=now_ms,
            )
            await unit.imports.insert(new)
            if not campaign.given_codes:
                await unit.campaigns.update(replace(campaign, given_codes=True))
            return new

        return await self._changes.run(caller.project, repeat, CODE_IMPORT, change, validate_only=validate_only)

    async def get(self, caller: Caller, import_id: str) -> CodeImport:
        """Return an import; refuse with IMPORT_NOT_FOUND."""
        async with self._database.read() as unit:
            return await _find(unit, caller.project, import_id)

    async def refused(self, caller: Caller, import_id: str, page: Page) -> PageOf[RefusedRow]:
        """Return a page of the rows that were not taken in, by row."""
        async with self._database.read() as unit:
            await _find(unit, caller.project, import_id)
            return await unit.imports.refused(import_id, page)

    async def append(
        self,
        caller: Caller,
        rows: NewRows,
        repeat: Repeat,
        *,
        validate_only: bool = False,
    ) -> tuple[CodeImport, Sequence[RefusedRow]]:
        """Take the next rows in, and return the import and those of the rows that were refused.

        Rows that were taken in before change nothing. A row is refused when it can be no code, when its code was in
        the import before, or when the project has it.
        """
        async with self._alone(rows.import_id):
            return await self._append(caller, rows, repeat, validate_only=validate_only)

    def _alone(self, import_id: str) -> asyncio.Lock:
        """Return the lock of an import: what one call has not put into the store yet, another could not take out."""
        return self._locks.setdefault(import_id, asyncio.Lock())

    async def _append(
        self,
        caller: Caller,
        rows: NewRows,
        repeat: Repeat,
        *,
        validate_only: bool,
    ) -> tuple[CodeImport, Sequence[RefusedRow]]:
        import_id, first_row = rows.import_id, rows.first_row
        async with self._database.write() as unit:
            await unit.projects.lock(caller.project)
            end = first_row + len(rows.codes)
            now_ms = self._clock()
            answer = await first_answer(unit, caller.project, repeat, now_ms)
            if answer is not None:
                refused = await unit.imports.refused_between(import_id, first_row, end)
                return CODE_IMPORT.validate_json(answer), refused
            current = await _find(unit, caller.project, import_id)
            if end <= current.next_row:
                if not validate_only:
                    await keep_answer(unit, caller.project, repeat, CODE_IMPORT.dump_json(current), now_ms)
                return current, await unit.imports.refused_between(import_id, first_row, end)
            _require_running(current)
            if first_row != current.next_row:
                problem = f"must be {current.next_row}, the first row that was not taken in"
                raise FieldsInvalidError((Violation("first_row", problem),))
            accepted, refused = await self._sort_out(unit, caller.project, first_row, rows.codes)
            first = current.first_position + current.accepted_count
            await unit.stored_codes.insert(caller.project, current.campaign_id, first, accepted)
            await unit.imports.refuse(import_id, refused)
            current = replace(
                current,
                next_row=end,
                accepted_count=current.accepted_count + len(accepted),
                refused_count=current.refused_count + len(refused),
                stored_count=max(current.stored_count, self._stored.get(import_id, 0)),
            )
            await unit.imports.update(current)
            if validate_only:
                await unit.rollback()
                return current, refused
            await keep_answer(unit, caller.project, repeat, CODE_IMPORT.dump_json(current), now_ms)
        await self._settle(import_id)
        if self._stored.get(import_id, current.stored_count) >= first - current.first_position:
            # These follow what the store has; it gets them while the caller prepares the next rows.
            self._puts[import_id] = asyncio.create_task(self._put(current, first, accepted))
        return current, refused

    async def _put(self, current: CodeImport, first: int, codes: Sequence[str]) -> None:
        try:
            await self._store.put_stored_codes(current.project_id, current.campaign_number, first, codes)
            self._stored[current.id] = first + len(codes) - current.first_position
        finally:
            # Whatever the store did with them: it can have them.
            await self._look_whether_aborted(current, first, codes)

    async def _look_whether_aborted(self, put: CodeImport, first: int, codes: Sequence[str]) -> None:
        """Take codes out of the store again when another server has aborted their import before they were there."""
        async with self._database.read() as unit:
            current = await _find(unit, put.project_id, put.id)
        # An abort that begins from now on finds them there.
        if current.state in {ImportState.RUNNING, ImportState.FINISHED}:
            return
        self._stored.pop(put.id, None)
        async with self._database.write() as unit:
            # Held until the store is right: neither the abort goes on meanwhile nor another import begins.
            await unit.projects.lock(put.project_id)
            await take_back(unit, self._store, LateCodes(put, first, codes))

    async def _settle(self, import_id: str) -> None:
        """Return when no rows of an import are on their way to the store; `finish` puts what did not get there."""
        put = self._puts.pop(import_id, None)
        if put is not None:
            with suppress(DomainError):
                await put

    async def _sort_out(
        self,
        unit: UnitOfWork,
        project_id: str,
        first_row: int,
        codes: Sequence[str],
    ) -> tuple[list[str], list[RefusedRow]]:
        """Return the codes that can be taken in, in order, and the rows that cannot."""
        refused: list[RefusedRow] = []
        rows: dict[str, int] = {}
        for row, code in enumerate(codes, first_row):
            problem = problem_of(code)
            if problem is not None:
                refused.append(_refused(row, code, Reason.FIELD_INVALID, problem))
            elif code in rows:
                problem = f"is the code of row {rows[code]} too"
                refused.append(_refused(row, code, Reason.CODE_ALREADY_EXISTS, problem))
            else:
                rows[code] = row
        taken = await self._codes.taken(unit, project_id, list(rows))
        for code in taken:
            problem = "is the code of a voucher that the project has, or of an earlier row"
            refused.append(_refused(rows.pop(code), code, Reason.CODE_ALREADY_EXISTS, problem))
        return list(rows), sorted(refused, key=lambda one: one.row)

    async def finish(
        self,
        caller: Caller,
        import_id: str,
        repeat: Repeat,
        *,
        validate_only: bool = False,
    ) -> CodeImport:
        """Let the imported codes be used, all at once, and return the import."""
        async with self._alone(import_id):
            async with self._database.read() as unit:
                current = await self._answered_or_found(unit, caller, import_id, repeat)
                if current.state is not ImportState.FINISHED:
                    _require_running(current)
                    await _campaign_of(unit, current)
            if validate_only:
                return replace(current, state=ImportState.FINISHED)
            if current.state is not ImportState.FINISHED:
                await self._settle(import_id)
                await self._put_rest(current, await self._stored_of(current))
            async with self._database.write() as unit:
                project = await unit.projects.lock(caller.project)
                current = await self._answered_or_found(unit, caller, import_id, repeat)
                if current.state is not ImportState.FINISHED:
                    _require_running(current)
                    current = await self._finish(unit, project, current)
                await keep_answer(unit, caller.project, repeat, CODE_IMPORT.dump_json(current), self._clock())
            self._stored.pop(import_id, None)
        # Of one that was finished before, too: the bundles may still wait for a store that was away.
        await self._publisher.publish(caller.project)
        return current

    async def _stored_of(self, current: CodeImport) -> int:
        """Return how many accepted codes the store has.

        A store from before the last one that it was given, as a replica that lagged and took over, gets all again.
        """
        given = max(current.stored_count, self._stored.get(current.id, 0))
        if given:
            async with self._database.read() as unit:
                last = await unit.stored_codes.slice(current.campaign_id, current.first_position + given - 1, 1)
            if not await self._store.has_stored_code(current.project_id, last[0]):
                given = 0
        self._stored[current.id] = given
        return given

    async def _put_rest(self, current: CodeImport, stored: int) -> None:
        for start in range(stored, current.accepted_count, _AT_ONCE):
            size = min(_AT_ONCE, current.accepted_count - start)
            first = current.first_position + start
            async with self._database.read() as unit:
                codes = await unit.stored_codes.slice(current.campaign_id, first, size)
            await self._put(current, first, codes)

    async def _finish(self, unit: UnitOfWork, project: Project, current: CodeImport) -> CodeImport:
        now_ms, count = self._clock(), current.accepted_count
        if self._stored.get(current.id, 0) < count:
            # Rows came in after the last look: the caller finishes while it appends.
            raise DomainError(Reason.CONFLICT)
        campaign = await _campaign_of(unit, current)
        finished = replace(current, state=ImportState.FINISHED, stored_count=count, end_ms=now_ms)
        await unit.imports.update(finished)
        if count:
            batch = CodeBatch(
                id=resource_id("cb", self._entropy(RANDOM_BYTES)),
                project_id=project.id,
                campaign_id=campaign.id,
                code_count=count,
                first_position=current.first_position,
                create_ms=now_ms,
            )
            await unit.batches.insert(batch)
            await unit.campaigns.update(campaign.changed(now_ms, code_count=campaign.code_count + count))
            await unit.projects.update(replace(project, version=project.version + 1))
            await unit.pending.add([pending.campaign(project.id, campaign.number), pending.project(project.id)])
        return finished

    async def abort(
        self,
        caller: Caller,
        import_id: str,
        repeat: Repeat,
        *,
        validate_only: bool = False,
    ) -> CodeImport:
        """Forget the codes of an import that is not finished, and return the import."""
        async with self._alone(import_id):
            await self._settle(import_id)
            async with self._database.write() as unit:
                await unit.projects.lock(caller.project)
                current = await self._answered_or_found(unit, caller, import_id, repeat)
                if current.state is ImportState.FINISHED:
                    _require_running(current)
                if validate_only:
                    return replace(current, state=ImportState.ABORTED, accepted_count=0)
                if current.state is not ImportState.ABORTED:
                    current = replace(current, state=ImportState.ABORTING)
                    await unit.imports.update(current)
                # From here on the request id is this call's, whatever becomes of it.
                await keep_answer(unit, caller.project, repeat, CODE_IMPORT.dump_json(current), self._clock())
            while current.state is ImportState.ABORTING:
                current = await self._forget(current)
                await asyncio.sleep(0)
            async with self._database.write() as unit:
                await unit.projects.lock(caller.project)
                await keep_answer(unit, caller.project, repeat, CODE_IMPORT.dump_json(current), self._clock())
            self._stored.pop(import_id, None)
            return current

    async def _answered_or_found(
        self,
        unit: UnitOfWork,
        caller: Caller,
        import_id: str,
        repeat: Repeat,
    ) -> CodeImport:
        """Return the import that the request was answered with before, or else the import as it stands."""
        kept = await first_answer(unit, caller.project, repeat, self._clock())
        answer = None if kept is None else CODE_IMPORT.validate_json(kept)
        # One that is still ending is ended by whoever asks.
        if answer is None or answer.is_open:
            return await _find(unit, caller.project, import_id)
        return answer

    async def _forget(self, aborting: CodeImport) -> CodeImport:
        """Take the last codes of an import out of the store and then out of SQL."""
        async with self._database.write() as unit:
            # Held until the store has forgotten them too: another call that aborts it may be done before, and another
            # import begin at the same positions.
            await unit.projects.lock(aborting.project_id)
            current = await _find(unit, aborting.project_id, aborting.id)
            if current.state is not ImportState.ABORTING:
                return current
            left = current.accepted_count
            start = max(0, left - _AT_ONCE)
            first = current.first_position + start
            codes = await unit.stored_codes.slice(current.campaign_id, first, left - start)
            positions = range(first, first + len(codes))
            await self._store.delete_stored_codes(current.project_id, current.campaign_number, positions, codes)
            # Some may yet arrive, or be back when a replica that has not heard of this takes over.
            await keep_late(unit, LateCodes(current, first, codes), self._clock())
            await unit.stored_codes.delete_from(current.campaign_id, first)
            current = replace(current, accepted_count=start)
            if start == 0:
                current = replace(current, state=ImportState.ABORTED, end_ms=self._clock())
            await unit.imports.update(current)
        return current


async def _find(unit: UnitOfWork, project_id: str, import_id: str) -> CodeImport:
    found = await unit.imports.by_id(project_id, import_id)
    if found is None:
        raise DomainError(Reason.IMPORT_NOT_FOUND, **{"import": import_id})
    return found


async def _campaign_of(unit: UnitOfWork, current: CodeImport) -> Campaign:
    campaign = await unit.campaigns.by_number(current.project_id, current.campaign_number)
    if campaign is None or campaign.deleted:
        raise DomainError(Reason.CAMPAIGN_NOT_FOUND, campaign=current.campaign_id)
    return campaign


def _require_running(current: CodeImport) -> None:
    if current.state is not ImportState.RUNNING:
        raise DomainError(Reason.IMPORT_ENDED, **{"import": current.id, "state": current.state.value})


def _refused(row: int, code: str, reason: Reason, problem: str) -> RefusedRow:
    shown = code.encode(errors="replace")[:LONGEST_CODE].decode(errors="replace").replace("\x00", "\ufffd")
    return RefusedRow(row, shown, reason.name, problem)
