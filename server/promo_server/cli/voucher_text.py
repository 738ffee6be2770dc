"""A voucher in the words of people."""

from __future__ import annotations

from collections.abc import Iterator

from promo.v1.campaign_pb2 import Campaign
from promo.v1.voucher_pb2 import Voucher
from promo_server.cli import campaign_text
from promo_server.cli.documents import to_document
from promo_server.cli.output import print_json, print_line, spell_time

_NOT_COUNTED = "not counted, as it has no limit; promo redemptions list has its uses"


def fields(voucher: Voucher, campaign: Campaign) -> Iterator[tuple[str, str]]:
    """Yield the fields of a voucher that are worth a line; `campaign` is where its terms come from."""
    alone = stands_alone(voucher)
    yield "id", voucher.id
    yield "code", voucher.code
    yield "campaign", f"none, it stands alone ({voucher.campaign_id})" if alone else _campaign(voucher)
    yield "state", state(voucher)
    yield "gives", campaign_text.gives(voucher.discount, campaign.currency_code)
    # One number has both: a hold takes a use until it is redeemed, released or over.
    yield "used or held", uses(voucher) if voucher.redemption_limit or voucher.redeemed_count else _NOT_COUNTED
    yield "limits", campaign_text.limits(campaign) if alone else ""
    yield "holder", voucher.holder
    yield "published", spell_time(voucher.publish_time)
    yield "starts", spell_time(voucher.start_time)
    yield "ends", spell_time(voucher.expire_time)
    yield "metadata", _metadata(voucher)
    yield "metadata of its terms", _metadata(campaign) if alone else ""
    yield "changed", spell_time(voucher.update_time)
    yield "etag", voucher.etag


def stands_alone(voucher: Voucher) -> bool:
    """Return whether a voucher has terms of its own only: the campaign that keeps them has no name but its id."""
    return voucher.campaign == voucher.campaign_id


def state(voucher: Voucher) -> str:
    """Return whether a voucher can be used; capitals where it cannot."""
    return "enabled" if voucher.enabled else "DISABLED"


def uses(voucher: Voucher) -> str:
    """Return how often a voucher was used: `0 of 1`."""
    return f"{voucher.redeemed_count:,} of {voucher.redemption_limit or 'any number'}"


def tell(voucher: Voucher, done: str, *, validate_only: bool, json: bool) -> None:
    """Print what became of a voucher; `done` is the verb."""
    if json:
        print_json(to_document(voucher))
    elif validate_only:
        print_line(f"{voucher.code} is fine. Nothing was changed.")
    elif stands_alone(voucher):
        print_line(f"{done} {voucher.code}, which stands alone.")
    else:
        print_line(f"{done} {voucher.code} of {voucher.campaign}.")


def _campaign(voucher: Voucher) -> str:
    return f"{voucher.campaign} ({voucher.campaign_id})"


def _metadata(one: Voucher | Campaign) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(one.metadata.items()))
