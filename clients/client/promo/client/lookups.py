"""What happened to a customer, a redemption or a hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from promo.client import methods
from promo.client.archive_page import archive_page
from promo.client.build import timestamp
from promo.client.calls import Caller
from promo.client.page import Page
from promo.client.paging import Listing, listing
from promo.v1.publication_pb2 import Publication
from promo.v1.publication_service_pb2 import (
    CountCodesRequest,
    CountCodesResponse,
    GetPublicationRequest,
    ListHeldCodesRequest,
    ListPublicationsRequest,
)
from promo.v1.redemption_pb2 import Redemption, Rollback
from promo.v1.redemption_service_pb2 import (
    GetRedemptionRequest,
    GetRollbackRequest,
    ListRedemptionsRequest,
    ListRollbacksRequest,
)
from promo.v1.session_pb2 import Session
from promo.v1.session_service_pb2 import GetSessionRequest, ListSessionsRequest, ReleaseSessionRequest


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

    def list(
        self,
        filter: str = "",  # noqa: A002  the contract's name
        *,
        order_by: str = "",
        page_size: int = 100,
        page_token: str = "",
        require_fresh: bool = False,
        timeout: float | None = None,
    ) -> Listing[Publication]:
        """Return publications, newest first, that a filter lets through.

        Example: 'campaign = "spring" AND channel = "braze"', or 'code = "k7xq2mnp4r"' as a person would
        type it. They come without `expire_time`, which `get` has. With `require_fresh` a page raises
        ArchiveBehind where it could lack something that happened before the call;
        `timeout` is that of each page. Raises FieldInvalid, PageTokenInvalid.
        """
        return listing(
            self._caller,
            methods.LIST_PUBLICATIONS,
            lambda token: ListPublicationsRequest(
                filter=filter,
                order_by=order_by,
                page_size=page_size,
                page_token=token,
            ),
            lambda answer: archive_page(answer, answer.publications, require_fresh=require_fresh),
            page_token=page_token,
            timeout=timeout,
        )


class Redemptions:
    """Looks at redemptions. `client.redemptions`."""

    def __init__(self, caller: Caller) -> None:
        """Call through `caller`."""
        self._caller = caller

    async def get(self, redemption_id: str, *, timeout: float | None = None) -> Redemption:
        """Return one redemption from the truth. Raises RedemptionNotFound."""
        request = GetRedemptionRequest(id=redemption_id)
        return await self._caller.unary(methods.GET_REDEMPTION, request, timeout)

    def list(
        self,
        filter: str = "",  # noqa: A002  the contract's name
        *,
        order_by: str = "",
        page_size: int = 100,
        page_token: str = "",
        require_fresh: bool = False,
        timeout: float | None = None,
    ) -> Listing[Redemption]:
        """Return redemptions, newest first, that a filter lets through.

        Example: 'customer = "17850" AND redeem_time >= 2026-11-01T00:00:00Z', or 'code = "k7xq2mnp4r"' as a person
        would type it. With `require_fresh` a page raises
        ArchiveBehind where it could lack something that happened before the call;
        `timeout` is that of each page. Raises FieldInvalid, PageTokenInvalid.
        """
        return listing(
            self._caller,
            methods.LIST_REDEMPTIONS,
            lambda token: ListRedemptionsRequest(
                filter=filter,
                order_by=order_by,
                page_size=page_size,
                page_token=token,
            ),
            lambda answer: archive_page(answer, answer.redemptions, require_fresh=require_fresh),
            page_token=page_token,
            timeout=timeout,
        )

    async def get_rollback(self, rollback_id: str, *, timeout: float | None = None) -> Rollback:
        """Return one rollback. Raises RollbackNotFound."""
        return await self._caller.unary(methods.GET_ROLLBACK, GetRollbackRequest(id=rollback_id), timeout)

    def list_rollbacks(
        self,
        filter: str = "",  # noqa: A002  the contract's name
        *,
        order_by: str = "",
        page_size: int = 100,
        page_token: str = "",
        require_fresh: bool = False,
        timeout: float | None = None,
    ) -> Listing[Rollback]:
        """Return rollbacks, newest first, that a filter lets through.

        Example: 'redemption = "r_11019a4c7d3e2000"'. With `require_fresh` a page raises
        ArchiveBehind where it could lack something that happened before the call;
        `timeout` is that of each page. Raises FieldInvalid, PageTokenInvalid.
        """
        return listing(
            self._caller,
            methods.LIST_ROLLBACKS,
            lambda token: ListRollbacksRequest(
                filter=filter,
                order_by=order_by,
                page_size=page_size,
                page_token=token,
            ),
            lambda answer: archive_page(answer, answer.rollbacks, require_fresh=require_fresh),
            page_token=page_token,
            timeout=timeout,
        )


class Sessions:
    """Looks at holds and ends them. `client.sessions`."""

    def __init__(self, caller: Caller) -> None:
        """Call through `caller`."""
        self._caller = caller

    async def get(self, key: str, *, timeout: float | None = None) -> Session:
        """Return a live hold. Raises SessionNotFound."""
        return await self._caller.unary(methods.GET_SESSION, GetSessionRequest(key=key), timeout)

    def list(  # noqa: PLR0913  one keyword per field of the request
        self,
        *,
        customer: str = "",
        campaign: str = "",
        code: str = "",
        expire_time_from: datetime | None = None,
        expire_time_before: datetime | None = None,
        order_by: str = "",
        page_size: int = 100,
        page_token: str = "",
        timeout: float | None = None,
    ) -> Listing[Session]:
        """Return the live holds for which all that is given is so; what ends first comes first.

        `campaign` is an id or a name, `code` is as a person would type it; the times need a zone, and a hold may end at
        `expire_time_from` but not at `expire_time_before`. `order_by="expire_time desc"` turns the order round;
        `timeout` is that of each page. Raises FieldInvalid, PageTokenInvalid.
        """
        ends_from, ends_before = timestamp(expire_time_from), timestamp(expire_time_before)
        return listing(
            self._caller,
            methods.LIST_SESSIONS,
            lambda token: ListSessionsRequest(
                customer=customer,
                campaign=campaign,
                code=code,
                expire_time_from=ends_from,
                expire_time_before=ends_before,
                order_by=order_by,
                page_size=page_size,
                page_token=token,
            ),
            lambda answer: Page(answer.sessions, answer.next_page_token),
            page_token=page_token,
            timeout=timeout,
        )

    async def release(
        self,
        key: str,
        *,
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Give back what a hold holds. Raises SessionNotFound."""
        request = ReleaseSessionRequest(key=key, request_id=request_id, validate_only=validate_only)
        await self._caller.unary(methods.RELEASE_SESSION, request, timeout)
