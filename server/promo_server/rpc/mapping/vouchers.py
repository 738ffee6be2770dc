"""Vouchers and their lists."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from promo.v1 import discount_pb2, voucher_pb2, voucher_service_pb2
from promo_server.domain.campaign import Campaign
from promo_server.domain.definition import CampaignDefinition
from promo_server.domain.given_code import LONGEST_CODE
from promo_server.domain.paging import Page
from promo_server.rpc.mapping import definitions, times
from promo_server.rpc.mapping.campaigns import campaign_name
from promo_server.rpc.mapping.checks import Checks
from promo_server.services.create_voucher import CreatedVoucher, StandaloneTerms
from promo_server.services.list_vouchers import ListedVoucher
from promo_server.services.voucher_ports import StandaloneVoucher, VoucherFilter, VoucherState
from promo_server.store import ids

LIST = "vouchers"
_CUSTOMER_BYTES = 256
_MOST_POSITIONS = 2**62
_NOTHING: Final = voucher_pb2.VoucherOverride()
"""What a voucher has of its own that nobody edited."""


def list_request(
    request: voucher_service_pb2.ListVouchersRequest,
    project_id: str,
) -> tuple[str, VoucherFilter, Page, str]:
    """Return the campaign's name, which of its vouchers are wanted, the page, and what its tokens are bound to.

    Without a name the vouchers that stand alone are wanted.
    """
    name, wanted = request.campaign and campaign_name(request.campaign), _filter(request.filter)
    checks = Checks()
    checks.text("filter.holder", wanted.holder, _CUSTOMER_BYTES)
    checks.text("filter.code_prefix", wanted.code_prefix, LONGEST_CODE)
    checks.number("first_position", request.first_position, 0, _MOST_POSITIONS)
    if request.first_position and not name:
        checks.add("first_position", "needs a campaign")
    if request.first_position and request.page_token:
        checks.add("first_position", "cannot be given together with page_token")
    scope = f"{project_id}/{name}/{request.filter.SerializeToString(deterministic=True).hex()}"
    page = checks.page(LIST, scope, request.page_size, request.page_token)
    if request.first_position:
        page = Page(page.size, request.first_position - 1)
    return name, wanted, page, scope


def standalone_terms(
    checks: Checks,
    message: voucher_service_pb2.StandaloneTerms,
) -> StandaloneTerms:
    """Return the terms of a voucher that stands alone; refuse those whose shape is wrong."""
    discount = definitions.discount_from(checks, "standalone.discount", message.discount)
    validity = definitions.validity_from(checks, "standalone.validity", message.validity)
    checks.text("standalone.currency_code", message.currency_code, 3, required=True)
    metadata = checks.metadata("standalone.metadata", message.metadata)
    checks.finish()
    assert discount is not None  # noqa: S101 - its absence is a violation, so `finish` has refused
    limits = definitions.limits_from(message.limits)
    return StandaloneTerms(CampaignDefinition(message.currency_code, discount, validity, limits), metadata)


def created(new: CreatedVoucher) -> voucher_pb2.Voucher:
    """Return the message of a voucher that was just created."""
    return vouchers(new.campaign, [ListedVoucher(new.code, VoucherState(new.position))])[0]


def _filter(message: voucher_service_pb2.VoucherFilter) -> VoucherFilter:
    def said(name: Literal["published", "redeemed", "disabled", "edited"]) -> bool | None:
        return bool(getattr(message, name)) if message.HasField(name) else None

    return VoucherFilter(
        holder=message.holder,
        published=said("published"),
        redeemed=said("redeemed"),
        disabled=said("disabled"),
        edited=said("edited"),
        code_prefix=message.code_prefix,
    )


def vouchers(campaign: Campaign, listed: Iterable[ListedVoucher]) -> list[voucher_pb2.Voucher]:
    """Return the messages of vouchers of a campaign."""
    discount = definitions.discount_to(campaign.definition.discount)
    return [_voucher(campaign, discount, one) for one in listed]


def standalone(found: StandaloneVoucher) -> voucher_pb2.Voucher:
    """Return the message of a voucher that stands alone."""
    return vouchers(found.campaign, [ListedVoucher(found.code, found.state)])[0]


def _voucher(campaign: Campaign, discount: discount_pb2.Discount, listed: ListedVoucher) -> voucher_pb2.Voucher:
    """Return the message of a voucher: what it has of its own in place of the campaign's terms."""
    state, definition = listed.state, campaign.definition
    own = _NOTHING if state.record is None else voucher_pb2.VoucherOverride.FromString(state.record)
    message = voucher_pb2.Voucher(
        id=(voucher_id := ids.voucher_id(campaign.number, state.position)),
        code=listed.code,
        campaign_id=campaign.id,
        campaign=campaign.name,
        redeemed_count=max(state.redeemed_count, 0),
        redemption_limit=own.redemption_limit if own.HasField("redemption_limit") else definition.limits.per_code,
        holder=state.holder or "",
        publish_time=None if state.publish_ms is None else times.timestamp(state.publish_ms),
        enabled=campaign.enabled and not own.disabled,
        discount=own.discount if own.HasField("discount") else discount,
        metadata=own.metadata,
        etag=f"{voucher_id}.{own.revision}",
        update_time=own.update_time if own.HasField("update_time") else None,
    )
    start_ms, end_ms = definition.validity.start_ms, campaign.end_ms(state.publish_ms)
    if own.HasField("start_time"):
        message.start_time.CopyFrom(own.start_time)
    elif start_ms is not None:
        message.start_time.CopyFrom(times.timestamp(start_ms))
    if own.HasField("expire_time"):
        message.expire_time.CopyFrom(own.expire_time)
    elif end_ms is not None:
        message.expire_time.CopyFrom(times.timestamp(end_ms))
    return message
