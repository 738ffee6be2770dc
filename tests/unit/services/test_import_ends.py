"""Imports that end while rows come in leave nothing behind, in the store or in SQL."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from support.control_plane import ControlPlane

from promo_server.domain.code_import import CodeImport, ImportState, NewRows
from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason
from promo_server.domain.requests import Repeat
from promo_server.store import keys

pytestmark = pytest.mark.asyncio

ROUNDS = 30
CODES = [f"SHOP-{number}" for number in range(200)]


async def begin(plane: ControlPlane, campaign_id: str) -> CodeImport:
    return await plane.use_cases.import_codes.start(plane.caller, campaign_id, "f", Repeat("t"))


async def codes_in_store(plane: ControlPlane) -> list[bytes]:
    return [name for name in await plane.client.keys() if keys.describe(name.decode())[0] == "stored codes"]


async def test_an_abort_while_rows_come_in_leaves_no_code_in_the_store(plane: ControlPlane) -> None:
    campaign = await plane.campaign(code_count=0)
    imports = plane.use_cases.import_codes

    async def fill(import_id: str) -> None:
        with suppress(DomainError):
            for first in range(0, len(CODES), 10):
                await imports.append(plane.caller, NewRows(import_id, first, CODES[first : first + 10]), Repeat("t"))

    for _ in range(ROUNDS):
        current = await begin(plane, campaign.id)
        filling = asyncio.create_task(fill(current.id))
        while (await imports.get(plane.caller, current.id)).next_row < 20:
            await asyncio.sleep(0)
        aborted = await imports.abort(plane.caller, current.id, Repeat("t"))
        await filling
        assert (aborted.state, aborted.accepted_count) == (ImportState.ABORTED, 0)
        assert await codes_in_store(plane) == []


async def test_a_second_abort_takes_nothing_from_the_next_import(plane: ControlPlane) -> None:
    campaign = await plane.campaign(code_count=0)
    imports = plane.use_cases.import_codes
    for _ in range(ROUNDS // 3):
        current = await begin(plane, campaign.id)
        await imports.append(plane.caller, NewRows(current.id, 0, CODES), Repeat("t"))
        aborts = [asyncio.create_task(imports.abort(plane.caller, current.id, Repeat("t"))) for _ in range(4)]
        await asyncio.wait(aborts, return_when=asyncio.FIRST_COMPLETED)
        following = await begin(plane, campaign.id)
        appended, refused = await imports.append(plane.caller, NewRows(following.id, 0, CODES), Repeat("t"))
        await asyncio.gather(*aborts)
        assert (appended.accepted_count, len(refused)) == (len(CODES), 0)
        async with plane.database.read() as unit:
            kept = await unit.stored_codes.slice(campaign.id, following.first_position, len(CODES))
        assert list(kept) == CODES
        await imports.abort(plane.caller, following.id, Repeat("t"))
        assert await codes_in_store(plane) == []


async def test_a_repeated_chunk_gets_the_first_answer_however_far_the_import_is(plane: ControlPlane) -> None:
    imports = plane.use_cases.import_codes
    current = await begin(plane, (await plane.campaign(code_count=0)).id)
    rows, repeat = NewRows(current.id, 0, ["SHOP-1", "SHOP-1"]), Repeat("AppendImport", "chunk", b"rows")
    first = await imports.append(plane.caller, rows, repeat)
    await imports.append(plane.caller, NewRows(current.id, 2, ["SHOP-2"]), Repeat("t"))
    again = await imports.append(plane.caller, rows, repeat)
    assert again == first
    assert ([row.row for row in again[1]], again[0].next_row) == ([1], 2)
    with pytest.raises(DomainError) as refused:
        await imports.append(plane.caller, NewRows(current.id, 3, ["SHOP-3"]), replace(repeat, body_hash=b"others"))
    assert refused.value.reason is Reason.REQUEST_ID_REUSED
    assert (await imports.get(plane.caller, current.id)).next_row == 3


async def test_a_dry_run_of_a_chunk_tells_what_would_be_refused_and_takes_nothing_in(plane: ControlPlane) -> None:
    imports = plane.use_cases.import_codes
    current = await begin(plane, (await plane.campaign(code_count=0)).id)
    rows = NewRows(current.id, 0, ["SHOP-1", "", "SHOP-1"])
    would_be, would_refuse = await imports.append(plane.caller, rows, Repeat("t", "r"), validate_only=True)
    assert await imports.get(plane.caller, current.id) == current
    assert await codes_in_store(plane) == []
    taken, refused = await imports.append(plane.caller, rows, Repeat("t", "r"))
    assert (taken, refused) == (would_be, would_refuse)
    assert [row.row for row in refused] == [1, 2]


async def test_an_import_is_finished_once_and_a_dry_run_finishes_nothing(plane: ControlPlane) -> None:
    imports = plane.use_cases.import_codes
    campaign = await plane.campaign(code_count=0)
    current = await begin(plane, campaign.id)
    await imports.append(plane.caller, NewRows(current.id, 0, CODES), Repeat("t"))
    repeat = Repeat("FinishImport", "end", b"body")
    dry = await imports.finish(plane.caller, current.id, repeat, validate_only=True)
    assert dry.state is ImportState.FINISHED
    assert (await imports.get(plane.caller, current.id)).state is ImportState.RUNNING
    finished = await imports.finish(plane.caller, current.id, repeat)
    assert await imports.finish(plane.caller, current.id, repeat) == finished
    assert (await plane.use_cases.read_campaigns.get(plane.caller, campaign.id)).code_count == len(CODES)
    with pytest.raises(DomainError) as refused:
        await imports.finish(plane.caller, current.id, replace(repeat, body_hash=b"other"))
    assert refused.value.reason is Reason.REQUEST_ID_REUSED
    for validate_only in (True, False):
        with pytest.raises(DomainError) as refused:
            await imports.abort(plane.caller, current.id, Repeat("t"), validate_only=validate_only)
        assert refused.value.reason is Reason.IMPORT_ENDED


async def test_an_import_is_aborted_once_and_a_dry_run_aborts_nothing(plane: ControlPlane) -> None:
    imports = plane.use_cases.import_codes
    current = await begin(plane, (await plane.campaign(code_count=0)).id)
    await imports.append(plane.caller, NewRows(current.id, 0, CODES), Repeat("t"))
    repeat = Repeat("AbortImport", "end", b"body")
    dry = await imports.abort(plane.caller, current.id, repeat, validate_only=True)
    assert (await imports.get(plane.caller, current.id)).state is ImportState.RUNNING
    aborted = await imports.abort(plane.caller, current.id, repeat)
    assert (dry.state, dry.accepted_count) == (aborted.state, aborted.accepted_count) == (ImportState.ABORTED, 0)
    assert await imports.abort(plane.caller, current.id, repeat) == aborted
    with pytest.raises(DomainError) as refused:
        await imports.abort(plane.caller, current.id, replace(repeat, body_hash=b"other"))
    assert refused.value.reason is Reason.REQUEST_ID_REUSED
    for validate_only in (True, False):
        with pytest.raises(DomainError) as refused:
            await imports.finish(plane.caller, current.id, Repeat("t"), validate_only=validate_only)
        assert refused.value.reason is Reason.IMPORT_ENDED


async def test_of_two_imports_a_request_id_aborts_one(plane: ControlPlane) -> None:
    imports = plane.use_cases.import_codes
    both = [await begin(plane, (await plane.campaign(code_count=0)).id) for _ in range(2)]
    for number, one in enumerate(both):
        await imports.append(plane.caller, NewRows(one.id, 0, [f"A-{number}"]), Repeat("t"))
    endings = await asyncio.gather(
        *(imports.abort(plane.caller, one.id, Repeat("AbortImport", "same", one.id.encode())) for one in both),
        return_exceptions=True,
    )
    (refused,) = [one for one in endings if isinstance(one, DomainError)]
    assert refused.reason is Reason.REQUEST_ID_REUSED
    states = {(await imports.get(plane.caller, one.id)).state for one in both}
    assert states == {ImportState.ABORTED, ImportState.RUNNING}


async def test_a_repeat_ends_an_abort_that_was_interrupted(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    imports, repeat = plane.use_cases.import_codes, Repeat("AbortImport", "r", b"body")
    current = await begin(plane, (await plane.campaign(code_count=0)).id)
    await imports.append(plane.caller, NewRows(current.id, 0, CODES), Repeat("t"))

    async def away(_aborting: CodeImport) -> CodeImport:
        raise DomainError(Reason.STORE_UNAVAILABLE)

    with monkeypatch.context() as broken:
        broken.setattr(imports, "_forget", away)
        with pytest.raises(DomainError):
            await imports.abort(plane.caller, current.id, repeat)
    assert (await imports.get(plane.caller, current.id)).state is ImportState.ABORTING
    aborted = await imports.abort(plane.caller, current.id, repeat)
    assert (aborted.state, aborted.accepted_count) == (ImportState.ABORTED, 0)
    assert await imports.abort(plane.caller, current.id, repeat) == aborted
    assert await codes_in_store(plane) == []
