"""Single codes: looked at, listed and changed."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from promo.client import methods
from promo.client.archive_page import archive_page
from promo.client.calls import Caller
from promo.client.paging import Listing, listing
from promo.v1.voucher_pb2 import Voucher
from promo.v1.voucher_service_pb2 import (
    CreateVoucherRequest,
    DeleteVoucherRequest,
    DisableVoucherRequest,
    EnableVoucherRequest,
    GetVoucherRequest,
    ListVouchersRequest,
    StandaloneTerms,
    UpdateVoucherRequest,
    VoucherFilter,
)


class Vouchers:
    """Looks at single codes and changes them. `client.vouchers`."""

    def __init__(self, caller: Caller) -> None:
        """Call through `caller`."""
        self._caller = caller

    async def get(self, code: str, *, timeout: float | None = None) -> Voucher:
        """Return the voucher of a code as a person would type it. Raises CodeNotFound."""
        return await self._caller.unary(methods.GET_VOUCHER, GetVoucherRequest(code=code), timeout)

    async def create(
        self,
        code: str,
        *,
        campaign: str = "",
        standalone: StandaloneTerms | None = None,
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Voucher:
        """Return a new voucher with this very code: of a campaign, or with terms of its own.

        Raises CodeAlreadyExists, CampaignNotFound, ImportInProgress.
        """
        request = CreateVoucherRequest(code=code, request_id=request_id, validate_only=validate_only)
        if standalone is not None:
            request.standalone.CopyFrom(standalone)
        if campaign:
            request.campaign = campaign
        return await self._caller.unary(methods.CREATE_VOUCHER, request, timeout)

    def list(
        self,
        campaign: str = "",
        *,
        filter: VoucherFilter | None = None,  # noqa: A002  the contract's name
        first_position: int = 0,
        page_size: int = 100,
        page_token: str = "",
        require_fresh: bool = False,
        timeout: float | None = None,
    ) -> Listing[Voucher]:
        """Return the vouchers of a campaign by position, from `first_position` on; without one, those that stand alone.

        With `require_fresh` a page raises ArchiveBehind where it could lack something that happened before the call;
        `timeout` is that of each page. Raises CampaignNotFound, FieldInvalid, PageTokenInvalid.
        """
        return listing(
            self._caller,
            methods.LIST_VOUCHERS,
            lambda token: ListVouchersRequest(
                campaign=campaign,
                filter=filter,
                first_position=0 if token else first_position,
                page_size=page_size,
                page_token=token,
            ),
            lambda answer: archive_page(answer, answer.vouchers, require_fresh=require_fresh),
            page_token=page_token,
            timeout=timeout,
        )

    async def update(
        self,
        voucher: Voucher,
        fields: Sequence[str],
        *,
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Voucher:
        """Return the voucher with the named fields changed to those given; one that is absent is the campaign's again.

        `voucher` has a code, and an etag where nobody may have changed it since. Raises CodeNotFound, EtagMismatch.
        """
        request = UpdateVoucherRequest(
            voucher=voucher,
            update_mask=FieldMask(paths=fields),
            request_id=request_id,
            validate_only=validate_only,
        )
        return await self._caller.unary(methods.UPDATE_VOUCHER, request, timeout)

    async def enable(
        self,
        code: str,
        *,
        etag: str = "",
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Voucher:
        """Return the voucher, which can be used now as far as its campaign can."""
        request = EnableVoucherRequest(code=code, etag=etag, request_id=request_id, validate_only=validate_only)
        return await self._caller.unary(methods.ENABLE_VOUCHER, request, timeout)

    async def disable(
        self,
        code: str,
        *,
        etag: str = "",
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Voucher:
        """Return the voucher, which is refused from the next call on."""
        request = DisableVoucherRequest(code=code, etag=etag, request_id=request_id, validate_only=validate_only)
        return await self._caller.unary(methods.DISABLE_VOUCHER, request, timeout)

    async def delete(
        self,
        code: str,
        *,
        etag: str = "",
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Delete the voucher; its code is unknown from the next call on."""
        request = DeleteVoucherRequest(code=code, etag=etag, request_id=request_id, validate_only=validate_only)
        await self._caller.unary(methods.DELETE_VOUCHER, request, timeout)
