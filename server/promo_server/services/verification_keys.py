"""Hands out what tells, without any connection, whether a code was issued."""

from __future__ import annotations

from promo_server.domain.access import Caller
from promo_server.domain.errors import FieldsInvalidError, Violation
from promo_server.services.ports import Clock, CodeKernel, Database
from promo_server.services.read_campaigns import find_campaign


class VerificationKeys:
    """Verification keys of campaigns with computed codes."""

    def __init__(self, database: Database, kernel: CodeKernel, clock: Clock) -> None:
        """Keep what exporting needs."""
        self._database = database
        self._kernel = kernel
        self._clock = clock

    async def __call__(self, caller: Caller, campaign_name: str) -> bytes:
        """Return the key of a campaign as a JSON document; refuse one whose codes are stored."""
        async with self._database.read() as unit:
            campaign = await find_campaign(unit, caller.project, campaign_name)
            computed = await unit.layouts.of_campaign(campaign.id)
            if computed is None:
                problem = "has stored codes, which follow from no key; only computed ones can be verified offline"
                raise FieldsInvalidError((Violation("campaign", problem),))
        layout, ranges = computed
        pairs = [(part.range.start, part.range.end) for part in ranges]
        return self._kernel.verification_key(campaign.id, campaign.name, layout, pairs, self._clock())
