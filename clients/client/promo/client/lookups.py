"""What happened to a customer, a redemption or a hold."""

from __future__ import annotations

from collections.abc import Sequence

from promo.client import methods
from promo.client.calls import Caller
from promo.v1.publication_pb2 import Publication
from promo.v1.publication_service_pb2 import (
    CountCodesRequest,
    CountCodesResponse,
    GetPublicationRequest,
    ListHeldCodesRequest,
)
from promo.v1.redemption_pb2 import Redemption
from promo.v1.redemption_service_pb2 import GetRedemptionRequest
from promo.v1.session_pb2 import Session
from promo.v1.session_service_pb2 import GetSessionRequest, ReleaseSessionRequest


class Publications:
    """Looks at publications. `client.publications`."""

    def __init__(self, caller: Caller) -> None:
        """Call through `caller`."""
        self._caller = caller

    async def get(self, publication_id: str, *, timeout: float | None = None) -> Publication:
        """Return one publication. Raises PublicationNotFound."""
        request = GetPublicationRequest(id=publication_id)
        return await self._caller.unary(methods.GET_PUBLICATION, request, timeout)

    async def count_codes(self, campaign: str, *, timeout: float | None = None) -> CountCodesResponse:
        """Return how many codes a campaign has, and how many are left."""
        request = CountCodesRequest(campaign=campaign)
        return await self._caller.unary(methods.COUNT_CODES, request, timeout)

    async def held(
        self,
        campaign: str,
        customer: str,
        *,
        timeout: float | None = None,
    ) -> Sequence[Publication]:
        """Return what a customer holds of a campaign, oldest first."""
        request = ListHeldCodesRequest(campaign=campaign, customer=customer)
        answer = await self._caller.unary(methods.LIST_HELD_CODES, request, timeout)
        return tuple(answer.publications)


class Redemptions:
    """Looks at redemptions. `client.redemptions`."""

    def __init__(self, caller: Caller) -> None:
        """Call through `caller`."""
        self._caller = caller

    async def get(self, redemption_id: str, *, timeout: float | None = None) -> Redemption:
        """Return one redemption from the truth. Raises RedemptionNotFound."""
        request = GetRedemptionRequest(id=redemption_id)
        return await self._caller.unary(methods.GET_REDEMPTION, request, timeout)


class Sessions:
    """Looks at holds and ends them. `client.sessions`."""

    def __init__(self, caller: Caller) -> None:
        """Call through `caller`."""
        self._caller = caller

    async def get(self, key: str, *, timeout: float | None = None) -> Session:
        """Return a live hold. Raises SessionNotFound."""
        return await self._caller.unary(methods.GET_SESSION, GetSessionRequest(key=key), timeout)

    async def release(self, key: str, *, request_id: str = "", timeout: float | None = None) -> None:
        """Give back what a hold holds. Raises SessionNotFound."""
        request = ReleaseSessionRequest(key=key, request_id=request_id)
        await self._caller.unary(methods.RELEASE_SESSION, request, timeout)
