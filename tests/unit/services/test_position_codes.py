from __future__ import annotations

import pytest
from support.control_plane import ControlPlane

from promo_server.domain.layout import CodeLayout
from promo_server.domain.requests import Repeat
from promo_server.services.change_campaign import CampaignTarget
from promo_server.services.codecs import Codecs
from promo_server.services.export_codes import ExportRequest
from promo_server.services.kernel_codes import KernelCodes
from promo_server.services.position_codes import PositionCodes

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("layout", [CodeLayout(), CodeLayout(length=4)], ids=["computed", "stored"])
async def test_codes_at_positions_are_those_of_the_export_also_after_the_end(
    plane: ControlPlane, layout: CodeLayout
) -> None:
    campaign = await plane.campaign(code_count=600, layout=layout)
    # Another campaign takes the range behind it, so that the next batch lies apart.
    await plane.campaign(code_count=50, layout=layout)
    await plane.use_cases.code_batches.create(plane.caller, campaign.id, 10, Repeat("t"))
    await plane.use_cases.runner.stop()
    chunks = [piece.chunk async for piece in plane.use_cases.export_codes(plane.caller, ExportRequest(campaign.id))]
    codes = b"".join(chunks).decode().split()
    assert len(codes) >= 600
    await plane.use_cases.change_campaign.delete(plane.caller, CampaignTarget(campaign.id), Repeat("t"))
    wanted = {0, 1, 599, len(codes) - 1, len(codes), 10**12}
    async with plane.database.read() as unit:
        found = await PositionCodes(Codecs(KernelCodes(b"\x07" * 32)))(unit, campaign.id, wanted)
    assert found == {position: codes[position] for position in wanted if position < len(codes)}
