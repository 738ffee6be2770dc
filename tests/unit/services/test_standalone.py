"""A voucher that stands alone is one voucher, whatever its hidden campaign is asked for."""

from __future__ import annotations

import pytest
from support.control_plane import DEFINITION, ControlPlane

from promo_server.domain.campaign import Campaign
from promo_server.domain.errors import DomainError, FieldsInvalidError
from promo_server.domain.paging import Page
from promo_server.domain.requests import Repeat
from promo_server.services.create_voucher import StandaloneTerms
from promo_server.services.voucher_ports import VoucherFilter

pytestmark = pytest.mark.asyncio


async def create(plane: ControlPlane, code: str) -> Campaign:
    """Create a voucher that stands alone and return its campaign."""
    terms = StandaloneTerms(DEFINITION)
    return (await plane.use_cases.create_voucher.standalone(plane.caller, code, terms, Repeat("t"))).campaign


async def test_its_campaign_gets_no_further_codes(plane: ControlPlane) -> None:
    campaign = await create(plane, "ALONE")
    use_cases, caller = plane.use_cases, plane.caller
    for adding in (
        use_cases.create_voucher.in_campaign(caller, campaign.id, "MORE", Repeat("t")),
        use_cases.code_batches.create(caller, campaign.id, 5, Repeat("t")),
        use_cases.import_codes.start(caller, campaign.id, "f.csv", Repeat("t")),
    ):
        with pytest.raises(FieldsInvalidError) as refused:
            await adding
        (violation,) = refused.value.violations
        assert violation.field == "campaign"
        assert "the voucher ALONE, which stands alone" in violation.problem
    with pytest.raises(DomainError, match="CAMPAIGN_NOT_FOUND"):
        await use_cases.code_batches.create(caller, "nowhere", 5, Repeat("t"))


async def test_it_is_listed_once_even_where_an_earlier_release_gave_its_campaign_more_codes(
    plane: ControlPlane,
) -> None:
    first = await create(plane, "ALONE-1")
    await create(plane, "ALONE-2")
    async with plane.database.write() as unit:
        await unit.stored_codes.insert(plane.project, first.id, 1, ["ALONE-MORE-1", "ALONE-MORE-2"])
    page = await plane.use_cases.list_standalone(plane.caller, VoucherFilter(), Page(2, None))
    assert ([one.code for one in page.vouchers], page.last) == (["ALONE-1", "ALONE-2"], None)
