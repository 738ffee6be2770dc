"""`promo vouchers`: single codes, what has happened to them, and what they have of their own."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from cyclopts import Parameter
from cyclopts.validators import Number

from promo.client import PromoClient
from promo.v1.campaign_pb2 import Campaign
from promo.v1.voucher_pb2 import Voucher
from promo.v1.voucher_service_pb2 import VoucherFilter
from promo_server.cli import voucher_text
from promo_server.cli.campaign_options import Moment
from promo_server.cli.command_error import CommandError
from promo_server.cli.discount_options import DiscountOptions
from promo_server.cli.documents import to_document
from promo_server.cli.field_options import Sets
from promo_server.cli.listing import ListOptions, Table, show
from promo_server.cli.options import (
    Etag,
    Metadata,
    RequestId,
    ServerOptions,
    SettingsOptions,
    ValidateOnly,
    call,
    parse_metadata,
)
from promo_server.cli.output import Json, Yes, confirm, print_fields, print_json, print_line, spell_time
from promo_server.cli.voucher_text import tell

Own = Literal["start_time", "expire_time", "redemption_limit", "discount", "metadata"]


def get(
    code: str,
    /,
    *,
    server: ServerOptions = ServerOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Show one code.

    Parameters
    ----------
    code
        As a person would type it.

    """

    async def work(client: PromoClient) -> tuple[Voucher, Campaign]:
        found = await client.vouchers.get(code)
        # Only tables need it.
        campaign = Campaign() if json else await client.campaigns.get(found.campaign_id)
        return found, campaign

    found, campaign = call(settings, server, work)
    if json:
        print_json(to_document(found))
    else:
        print_fields(voucher_text.fields(found, campaign))


def list_vouchers(  # noqa: PLR0913 - one parameter for each option
    campaign: str = "",
    /,
    *,
    first: Annotated[int, Sets("first_position"), Parameter(validator=Number(gte=0, lte=2**62))] = 0,
    code_prefix: str = "",
    holder: str = "",
    published: bool | None = None,
    redeemed: bool | None = None,
    disabled: bool | None = None,
    edited: bool | None = None,
    fresh: Annotated[bool, Parameter(negative=())] = False,
    options: ListOptions = ListOptions(),  # noqa: B008
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """List the vouchers of a campaign by position, or those that stand alone.

    Parameters
    ----------
    campaign
        Id or name; without, the vouchers that stand alone are listed, by age.
    first
        Position in the campaign to begin with.
    code_prefix
        Only those whose code begins so. Of a large campaign with computed codes nearly the whole code is needed.
    holder
        Only those that this customer holds, by the caller's own id.
    published
        Only those that were handed out, or were not.
    redeemed
        Only those that were used, or were not.
    disabled
        Only those that are disabled themselves, or are not.
    edited
        Only those that have something of their own, or have not.
    fresh
        Fail when what has just happened may be missing.

    """
    if first and not campaign:
        raise CommandError("--first is a position in a campaign; name one")
    wanted = VoucherFilter(
        holder=holder,
        published=published,
        redeemed=redeemed,
        disabled=disabled,
        edited=edited,
        code_prefix=code_prefix,
    )
    table: Table[Voucher] = Table(
        ("code", "state", "used", "holder", "published", "ends"),
        lambda one: (
            one.code,
            voucher_text.state(one),
            voucher_text.uses(one),
            one.holder,
            spell_time(one.publish_time),
            spell_time(one.expire_time),
        ),
    )
    show(
        settings,
        server,
        lambda client: client.vouchers.list(
            campaign, filter=wanted, first_position=first, page_size=options.page_size, require_fresh=fresh
        ),
        table,
        options,
        json=json,
    )


def update(  # noqa: PLR0913 - one parameter for each option
    code: str,
    /,
    *,
    start: Annotated[Moment, Sets("start_time"), Parameter(help="First instant of use.")] = None,
    end: Annotated[Moment, Sets("expire_time"), Parameter(help="First instant at which use has ended.")] = None,
    uses: Annotated[int | None, Sets("redemption_limit"), Parameter(validator=Number(gte=0, lte=2**63 - 1))] = None,
    metadata: Metadata = (),
    discount: DiscountOptions = DiscountOptions(),  # noqa: B008
    clear: Annotated[tuple[Own, ...], Parameter(negative=())] = (),
    etag: Etag = "",
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Give one code something of its own; what no option names stays as it is.

    Parameters
    ----------
    code
        As a person would type it.
    uses
        Redemptions allowed; no limit when 0.
    metadata
        All of its entries.
    clear
        What becomes the campaign's again; repeat for several.

    """

    async def work(client: PromoClient) -> Voucher:
        found = await client.vouchers.get(code)
        campaign = await client.campaigns.get(found.campaign_id)
        change = Voucher(code=found.code, etag=etag or found.etag, redemption_limit=uses)
        if start is not None:
            change.start_time.FromDatetime(start)
        if end is not None:
            change.expire_time.FromDatetime(end)
        change.metadata.update(parse_metadata(metadata))
        if discount.apply(found, campaign.currency_code):
            change.discount.CopyFrom(found.discount)
        given = {field.name for field, _ in change.ListFields()} & set(get_args(Own))
        if given & set(clear):
            raise CommandError(f"{', '.join(sorted(given & set(clear)))}: either set it or --clear it")
        fields = sorted(given | set(clear))
        if not fields:
            raise CommandError("nothing to change; see promo vouchers update --help")
        return await client.vouchers.update(change, fields, request_id=request_id, validate_only=validate_only)

    tell(call(settings, server, work), "Updated", validate_only=validate_only, json=json)


def enable(
    code: str,
    /,
    *,
    etag: Etag = "",
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Let one code be used, as far as its campaign can.

    Parameters
    ----------
    code
        As a person would type it.

    """
    changed = call(
        settings,
        server,
        lambda client: client.vouchers.enable(code, etag=etag, request_id=request_id, validate_only=validate_only),
    )
    tell(changed, "Enabled", validate_only=validate_only, json=json)


def disable(
    code: str,
    /,
    *,
    etag: Etag = "",
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Refuse one code.

    Parameters
    ----------
    code
        As a person would type it.

    """
    changed = call(
        settings,
        server,
        lambda client: client.vouchers.disable(code, etag=etag, request_id=request_id, validate_only=validate_only),
    )
    tell(changed, "Disabled", validate_only=validate_only, json=json)


def delete(
    code: str,
    /,
    *,
    yes: Yes = False,
    etag: Etag = "",
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Delete one code.

    Parameters
    ----------
    code
        As a person would type it.

    """
    confirm(f"Deleting code {code}", yes=yes or validate_only)
    call(
        settings,
        server,
        lambda client: client.vouchers.delete(code, etag=etag, request_id=request_id, validate_only=validate_only),
    )
    if json:
        print_json({"code": code, "deleted": not validate_only})
    elif validate_only:
        print_line(f"{code} can be deleted. Nothing was changed.")
    else:
        print_line(f"Deleted {code}.")
