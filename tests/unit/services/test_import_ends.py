"""Imports that end while rows come in leave nothing behind, in the store or in SQL."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from support.control_plane import ControlPlane

from promo_server.domain.code_import import CodeImport, ImportState
from promo_server.domain.errors import DomainError
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
                await imports.append(plane.caller, import_id, first, CODES[first : first + 10])

    for _ in range(ROUNDS):
        current = await begin(plane, campaign.id)
        filling = asyncio.create_task(fill(current.id))
        while (await imports.get(plane.caller, current.id)).next_row < 20:
            await asyncio.sleep(0)
        aborted = await imports.abort(plane.caller, current.id)
        await filling
        assert (aborted.state, aborted.accepted_count) == (ImportState.ABORTED, 0)
        assert await codes_in_store(plane) == []


async def test_a_second_abort_takes_nothing_from_the_next_import(plane: ControlPlane) -> None:
    campaign = await plane.campaign(code_count=0)
    imports = plane.use_cases.import_codes
    for _ in range(ROUNDS // 3):
        current = await begin(plane, campaign.id)
        await imports.append(plane.caller, current.id, 0, CODES)
        aborts = [asyncio.create_task(imports.abort(plane.caller, current.id)) for _ in range(4)]
        await asyncio.wait(aborts, return_when=asyncio.FIRST_COMPLETED)
        following = await begin(plane, campaign.id)
        appended, refused = await imports.append(plane.caller, following.id, 0, CODES)
        await asyncio.gather(*aborts)
        assert (appended.accepted_count, len(refused)) == (len(CODES), 0)
        async with plane.database.read() as unit:
            kept = await unit.stored_codes.slice(campaign.id, following.first_position, len(CODES))
        assert list(kept) == CODES
        await imports.abort(plane.caller, following.id)
        assert await codes_in_store(plane) == []
