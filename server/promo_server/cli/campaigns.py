"""`promo campaigns`: what codes give, when, and how often."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from promo.client import PromoClient
from promo.v1.campaign_pb2 import Campaign
from promo_server.cli import campaign_text
from promo_server.cli.campaign_options import Count, LayoutOptions, LimitOptions, ValidityOptions
from promo_server.cli.command_error import CommandError
from promo_server.cli.discount_options import DiscountOptions
from promo_server.cli.documents import to_document
from promo_server.cli.field_options import Sets
from promo_server.cli.listing import ListOptions, Table, show
from promo_server.cli.message_file import fill
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
from promo_server.cli.output import Json, Yes, confirm, print_fields, print_hint, print_json, print_line, spell_time

_CHANGEABLE = ("description", "discount", "validity", "limits", "join_once", "auto_grow", "metadata")

File = Annotated[Path | None, Parameter(name=("--file", "-f"), allow_leading_hyphen=True)]


def create(  # noqa: PLR0913 - one parameter for each option
    name: str = "",
    /,
    *,
    file: File = None,
    currency: Annotated[str, Sets("currency_code")] = "",
    codes: Annotated[Count, Sets("code_count")] = None,
    description: str = "",
    join_once: bool | None = None,
    auto_grow: bool | None = None,
    metadata: Metadata = (),
    discount: DiscountOptions = DiscountOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    validity: ValidityOptions = ValidityOptions(),  # noqa: B008
    limits: LimitOptions = LimitOptions(),  # noqa: B008
    layout: LayoutOptions = LayoutOptions(),  # noqa: B008
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Create a campaign.

    Parameters
    ----------
    name
        Unique in the project.
    file
        Campaign in JSON or TOML, as `promo campaigns get --json` shows one; options are set on top of it. - is JSON
        from standard input.
    currency
        ISO 4217 code of all of its amounts.
    codes
        How many codes it has; 0 when they are imported, or created one by one.
    description
        For people.
    join_once
        Hand each customer one code, and the same one again.
    auto_grow
        Add codes when they run out.

    """
    campaign = Campaign()
    given = fill(campaign, file) if file is not None else frozenset()
    if name:
        campaign.name = name
    if currency:
        campaign.currency_code = currency
    if codes is not None:
        campaign.code_count = codes
    _apply(campaign, description or None, join_once, auto_grow, metadata, discount)
    validity.apply(campaign)
    limits.apply(campaign)
    layout.apply(campaign)
    _require(campaign, counted=codes is not None or "code_count" in given)
    made = call(
        settings,
        server,
        lambda client: client.campaigns.create(campaign, request_id=request_id, validate_only=validate_only),
    )
    _tell(made, "Created", validate_only=validate_only, json=json)
    if not made.limits.per_code:
        print_hint("Uses per code: unlimited. It cannot be limited to 1 later; --per-code 1 when creating does.")


def get(
    campaign: str,
    /,
    *,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Show a campaign.

    Parameters
    ----------
    campaign
        Id or name.

    """
    found = call(settings, server, lambda client: client.campaigns.get(campaign))
    if json:
        print_json(to_document(found))
    else:
        print_fields(campaign_text.fields(found))


def list_campaigns(
    *,
    options: ListOptions = ListOptions(),  # noqa: B008
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """List campaigns, newest first."""
    table: Table[Campaign] = Table(
        ("id", "name", "gives", "limits", "codes", "state", "created"),
        lambda one: (
            one.id,
            one.name,
            campaign_text.gives(one.discount, one.currency_code),
            campaign_text.limits(one),
            f"{one.code_count:,}",
            "enabled" if one.enabled else "DISABLED",
            spell_time(one.create_time),
        ),
    )
    show(settings, server, lambda client: client.campaigns.list(page_size=options.page_size), table, options, json=json)


def update(  # noqa: PLR0913 - one parameter for each option
    campaign: str,
    /,
    *,
    file: File = None,
    description: str | None = None,
    join_once: bool | None = None,
    auto_grow: bool | None = None,
    metadata: Metadata = (),
    discount: DiscountOptions = DiscountOptions(),  # noqa: B008
    validity: ValidityOptions = ValidityOptions(),  # noqa: B008
    limits: LimitOptions = LimitOptions(),  # noqa: B008
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Change a campaign; what no option names stays as it is.

    Parameters
    ----------
    campaign
        Id or name.
    file
        JSON or TOML with the fields to change; each replaces the whole of it, so `{"validity": {}}` ends all windows.
    description
        For people.
    join_once
        Hand each customer one code, and the same one again.
    auto_grow
        Add codes when they run out.

    """
    change = Campaign()
    named = fill(change, file) & set(_CHANGEABLE) if file is not None else frozenset()

    async def work(client: PromoClient) -> Campaign:
        # Read, changed and written under its etag: a change by somebody else in between is refused, not lost.
        found = await client.campaigns.get(campaign)
        for field in named:
            found.ClearField(field)  # type: ignore[arg-type]
        wanted = Campaign()
        for field in named:
            _copy(change, wanted, field)
        found.MergeFrom(wanted)
        found.etag = change.etag or found.etag
        touched = named | _apply(found, description, join_once, auto_grow, metadata, discount)
        touched |= {"validity"} if validity.apply(found) else set()
        touched |= {"limits"} if limits.apply(found) else set()
        if not touched:
            raise CommandError("nothing to change; see promo campaigns update --help")
        return await client.campaigns.update(found, sorted(touched), request_id=request_id, validate_only=validate_only)

    _tell(call(settings, server, work), "Updated", validate_only=validate_only, json=json)


def enable(
    campaign: str,
    /,
    *,
    etag: Etag = "",
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Let the codes of a campaign be used.

    Parameters
    ----------
    campaign
        Id or name.

    """
    changed = call(
        settings,
        server,
        lambda client: client.campaigns.enable(campaign, etag=etag, request_id=request_id, validate_only=validate_only),
    )
    _tell(changed, "Enabled", validate_only=validate_only, json=json)


def disable(
    campaign: str,
    /,
    *,
    etag: Etag = "",
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Refuse the codes of a campaign.

    Parameters
    ----------
    campaign
        Id or name.

    """
    changed = call(
        settings,
        server,
        lambda client: client.campaigns.disable(
            campaign, etag=etag, request_id=request_id, validate_only=validate_only
        ),
    )
    _tell(changed, "Disabled", validate_only=validate_only, json=json)


def delete(
    campaign: str,
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
    """Delete a campaign.

    Parameters
    ----------
    campaign
        Id or name.

    """
    confirm(f"Deleting campaign {campaign}", yes=yes or validate_only)
    call(
        settings,
        server,
        lambda client: client.campaigns.delete(campaign, etag=etag, request_id=request_id, validate_only=validate_only),
    )
    if json:
        print_json({"campaign": campaign, "deleted": not validate_only})
    elif validate_only:
        print_line(f"{campaign} can be deleted. Nothing was changed.")
    else:
        print_line(f"Deleted {campaign}.")


def _apply(
    campaign: Campaign,
    description: str | None,
    join_once: bool | None,  # noqa: FBT001 - None means not given
    auto_grow: bool | None,  # noqa: FBT001
    metadata: tuple[str, ...],
    discount: DiscountOptions,
) -> set[str]:
    """Set what was given, and return the names of those fields."""
    touched = set()
    for name, value in (("description", description), ("join_once", join_once), ("auto_grow", auto_grow)):
        if value is not None:
            setattr(campaign, name, value)
            touched.add(name)
    if metadata:
        campaign.metadata.update(parse_metadata(metadata))
        touched.add("metadata")
    if discount.apply(campaign, campaign.currency_code):
        touched.add("discount")
    return touched


def _copy(source: Campaign, target: Campaign, field: str) -> None:
    value = getattr(source, field)
    if field == "metadata":
        target.metadata.update(value)
    elif isinstance(value, (str, bool)):
        setattr(target, field, value)
    else:
        getattr(target, field).CopyFrom(value)


def _require(campaign: Campaign, *, counted: bool) -> None:
    """Refuse what lacks something that only its author can know, in the words of the options.

    `counted` tells whether anybody said how many codes it has: 0 is an answer too.
    """
    missing = [
        option
        for option, given in (
            ("a name", campaign.name),
            ("--currency", campaign.currency_code),
            ("--codes (0 for one whose codes are imported)", counted),
            ("--percent, --amount, --fixed-price or --free-units", campaign.HasField("discount")),
        )
        if not given
    ]
    if missing:
        raise CommandError(f"a campaign also needs {', and '.join(missing)}; see promo campaigns create --help")


def _tell(campaign: Campaign, done: str, *, validate_only: bool, json: bool) -> None:
    if json:
        print_json(to_document(campaign))
    elif validate_only:
        print_line(f"{campaign.name} is fine: {campaign_text.summary(campaign)}. Nothing was changed.")
    else:
        print_line(f"{done} {campaign.name} ({campaign.id}): {campaign_text.summary(campaign)}.")
