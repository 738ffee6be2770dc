"""`promo customers`: the profiles of customers."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from promo.client import Customer
from promo_server.cli.command_error import CommandError
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
from promo_server.cli.output import Json, Yes, confirm, print_fields, print_json, print_line, spell_time


def get(
    customer: str,
    /,
    *,
    server: ServerOptions = ServerOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Show a customer.

    Parameters
    ----------
    customer
        The caller's own id of the customer.

    """
    found = call(settings, server, lambda client: client.customers.get(customer))
    if json:
        print_json(to_document(found))
        return
    print_fields(
        (
            ("id", found.id),
            ("source id", found.source_id),
            ("name", found.name),
            ("email", found.email),
            ("phone", found.phone),
            ("metadata", ", ".join(f"{key}={value}" for key, value in sorted(found.metadata.items()))),
            ("created", spell_time(found.create_time)),
            ("updated", spell_time(found.update_time)),
        )
    )


def list_customers(
    *,
    options: FilterOptions = FilterOptions(),  # noqa: B008
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """List customers, newest first."""
    table: Table[Customer] = Table(
        ("source id", "name", "email", "phone", "created"),
        lambda one: (one.source_id, one.name, one.email, one.phone, spell_time(one.create_time)),
    )
    show(
        settings,
        server,
        lambda client: client.customers.list(
            options.filter, order_by=options.order_by, page_size=options.page_size, require_fresh=options.fresh
        ),
        table,
        options,
        json=json,
    )


def upsert(  # noqa: PLR0913 - one parameter for each option
    customer: Annotated[str, Sets("customer.source_id")],
    /,
    *,
    name: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    metadata: Metadata = (),
    clear_metadata: Annotated[bool, Parameter(negative=())] = False,
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Write the profile of a customer, known or new; what no option names stays as it is.

    Parameters
    ----------
    customer
        The caller's own id of the customer.
    name
        Empty takes it away, as with the others.
    email
        E-mail address.
    phone
        Telephone number.
    clear_metadata
        Take all entries away.

    """
    if metadata and clear_metadata:
        raise CommandError("--metadata replaces all entries already; leave out --clear-metadata")
    given = {"name": name, "email": email, "phone": phone}
    fields = [field for field, value in given.items() if value is not None]
    if metadata or clear_metadata:
        fields.append("metadata")
    profile = Customer(
        source_id=customer,
        name=name or "",
        email=email or "",
        phone=phone or "",
        metadata=parse_metadata(metadata),
    )
    written = call(
        settings,
        server,
        lambda client: client.customers.upsert(
            profile, fields or None, request_id=request_id, validate_only=validate_only
        ),
    )
    if json:
        print_json(to_document(written))
    elif validate_only:
        print_line(f"The profile of {customer} is fine. Nothing was changed.")
    else:
        print_line(f"Wrote {', '.join(fields) or 'an empty profile'} of {customer}.")


def erase(
    customer: str,
    /,
    *,
    yes: Yes = False,
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Erase what is known of a person.

    Parameters
    ----------
    customer
        The caller's own id of the customer.

    """
    confirm(f"Erasing customer {customer}", yes=yes or validate_only)
    call(
        settings,
        server,
        lambda client: client.customers.erase(customer, request_id=request_id, validate_only=validate_only),
    )
    if json:
        print_json({"customer": customer, "erased": not validate_only})
    elif validate_only:
        print_line(f"{customer} can be erased. Nothing was changed.")
    else:
        print_line(f"Erased {customer}.")
