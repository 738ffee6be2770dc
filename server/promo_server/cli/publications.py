"""`promo publish`, `promo publications`: codes handed to customers."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from promo.v1.publication_pb2 import Publication
from promo_server.cli.documents import to_document
from promo_server.cli.field_options import Sets
from promo_server.cli.listing import FilterOptions, Table, show
from promo_server.cli.options import (
    Metadata,
    RequestId,
    ServerOptions,
    SettingsOptions,
    ValidateOnly,
    call,
    parse_metadata,
)
from promo_server.cli.output import Json, print_fields, print_json, print_line, print_table, spell_time

_COLUMNS = ("id", "published", "campaign", "customer", "codes", "source id", "channel")


def publish(  # noqa: PLR0913 - one parameter for each option
    campaign: str,
    /,
    *,
    customer: Annotated[str, Sets("customer.source_id")],
    count: Annotated[int, Parameter(validator=Number(gte=1, lte=50))] = 1,
    source_id: str = "",
    channel: str = "",
    join_once: Annotated[bool, Parameter(negative=())] = False,
    metadata: Metadata = (),
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Hand codes of a campaign to a customer.

    Parameters
    ----------
    campaign
        Id or name.
    customer
        The caller's own id of the customer.
    count
        How many codes.
    source_id
        The caller's own id of the publication: a repeat with it gets the same codes.
    channel
        Where they are handed out.
    join_once
        Give the codes that the customer already has, if any.

    """
    publication = call(
        settings,
        server,
        lambda client: client.publish(
            campaign=campaign,
            customer=customer,
            count=count,
            source_id=source_id,
            channel=channel,
            join_once=join_once,
            request_id=request_id,
            metadata=parse_metadata(metadata),
            validate_only=validate_only,
        ),
    )
    if json:
        print_json(to_document(publication))
    elif validate_only:
        print_line(f"{campaign} has a code for {customer}. Nothing was handed out.")
    else:
        for code in publication.codes:
            print_line(code)


def get(
    publication_id: Annotated[str, Sets("id")],
    /,
    *,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Show a publication.

    Parameters
    ----------
    publication_id
        As `promo publications list` shows it.

    """
    found = call(settings, server, lambda client: client.publications.get(publication_id))
    if json:
        print_json(to_document(found))
        return
    print_fields(
        (
            ("id", found.id),
            ("campaign", f"{found.campaign} ({found.campaign_id})"),
            ("customer", found.customer),
            ("codes", ", ".join(found.codes)),
            ("source id", found.source_id),
            ("channel", found.channel),
            ("published", spell_time(found.publish_time)),
            ("ends", spell_time(found.expire_time)),
            ("metadata", ", ".join(f"{key}={value}" for key, value in sorted(found.metadata.items()))),
        )
    )


def held(
    campaign: str,
    customer: str,
    /,
    *,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """List what a customer holds of a campaign, oldest first.

    Parameters
    ----------
    campaign
        Id or name.
    customer
        The caller's own id of the customer.

    """
    publications = call(settings, server, lambda client: client.publications.held(campaign, customer))
    if json:
        for one in publications:
            print_json(to_document(one))
    else:
        print_table(_COLUMNS, [_row(one) for one in publications])


def list_publications(
    *,
    options: FilterOptions = FilterOptions(),  # noqa: B008
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """List publications, newest first."""
    show(
        settings,
        server,
        lambda client: client.publications.list(
            options.filter, order_by=options.order_by, page_size=options.page_size, require_fresh=options.fresh
        ),
        Table(_COLUMNS, _row),
        options,
        json=json,
    )


def _row(one: Publication) -> tuple[str, ...]:
    return (
        one.id,
        spell_time(one.publish_time),
        one.campaign,
        one.customer,
        ", ".join(one.codes),
        one.source_id,
        one.channel,
    )
