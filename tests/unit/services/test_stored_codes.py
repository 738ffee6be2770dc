"""Stored codes that begin with a text, on whichever database the tests run."""

from __future__ import annotations

import pytest
from support.control_plane import ControlPlane

from promo_server.domain.layout import CodeLayout

pytestmark = pytest.mark.asyncio

WHOLE = (0, 10**9)
ODD = ["save-é", "SAVE-é1", "%x", "_x", "SAVE\\", "Zß", "SAVE-b", "SAVE"]


async def test_codes_with_a_beginning_come_by_position_whether_few_or_many_have_it(plane: ControlPlane) -> None:
    large, small = [await plane.campaign(layout=CodeLayout(), code_count=0) for _ in range(2)]
    async with plane.database.write() as unit:
        await unit.stored_codes.insert(plane.project, large.id, 0, [f"SAVE-a{number:05}" for number in range(11_000)])
        await unit.stored_codes.insert(plane.project, small.id, 0, [f"SAVE-b{number:05}" for number in range(300)])
        await unit.stored_codes.insert(plane.project, small.id, 300, ODD)
    async with plane.database.read() as unit:
        for campaign, text, positions, count, wanted in (
            (small, "SAVE-", WHOLE, 1_000, [*range(300), 301, 306]),
            (small, "SAVE-", (298, 301), 1_000, [298, 299]),
            (large, "SAVE-", (100, 10**9), 5, [*range(100, 105)]),
            (large, "SAVE-a0000", WHOLE, 4, [*range(4)]),
            (small, "SAVE-b0001", WHOLE, 1_000, [*range(10, 20)]),
            (small, "save", WHOLE, 1_000, [300]),
            (small, "%", WHOLE, 1_000, [302]),
            (small, "_", WHOLE, 1_000, [303]),
            (small, "SAVE\\", WHOLE, 1_000, [304]),
            (small, "Z", WHOLE, 1_000, [305]),
            (large, "Z", WHOLE, 1_000, []),
        ):
            found = await unit.stored_codes.beginning(plane.project, campaign.id, text, positions, count)
            assert list(found) == wanted, (text, positions)
        assert list(await unit.stored_codes.beginning("other", small.id, "Z", WHOLE, 10)) == []
