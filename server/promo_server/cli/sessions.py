"""`promo sessions`: what is held for shoppers who are about to pay."""

from __future__ import annotations

from promo.v1.session_pb2 import Session
from promo_server.cli.campaign_options import Moment
from promo_server.cli.documents import to_document
from promo_server.cli.listing import ListOptions, Table, show
from promo_server.cli.options import RequestId, ServerOptions, SettingsOptions, ValidateOnly, call
from promo_server.cli.output import Json, print_fields, print_json, print_line, spell_time


def get(
    key: str,
    /,
    *,
    server: ServerOptions = ServerOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Show a live hold.

    Parameters
    ----------
    key
        As `promo validate --hold` showed it.

    """
    found = call(settings, server, lambda client: client.sessions.get(key))
    if json:
        print_json(to_document(found))
        return
    print_fields(
        (
            ("key", found.key),
            ("codes", ", ".join(found.codes)),
            ("customer", found.customer),
            ("ends", spell_time(found.expire_time)),
        )
    )


def list_sessions(  # noqa: PLR0913 - one parameter for each option
    *,
    customer: str = "",
    campaign: str = "",
    code: str = "",
    expire_time_from: Moment = None,
    expire_time_before: Moment = None,
    order_by: str = "",
    options: ListOptions = ListOptions(),  # noqa: B008
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """List live holds; what ends first comes first.

    Parameters
    ----------
    customer
        Only what is held for this customer, by the caller's own id.
    campaign
        Only holds with a code of this campaign, by id or name.
    code
        Only holds with this code, as a person would type it.
    expire_time_from
        Only holds that end at this time or later: 2026-12-01T00:00:00Z.
    expire_time_before
        Only holds that end before this time.
    order_by
        expire_time, with or without desc after it.

    """
    table: Table[Session] = Table(
        ("key", "codes", "customer", "ends"),
        lambda one: (one.key, ", ".join(one.codes), one.customer, spell_time(one.expire_time)),
    )
    show(
        settings,
        server,
        lambda client: client.sessions.list(
            customer=customer,
            campaign=campaign,
            code=code,
            expire_time_from=expire_time_from,
            expire_time_before=expire_time_before,
            order_by=order_by,
            page_size=options.page_size,
        ),
        table,
        options,
        campaign=campaign,
        json=json,
    )


def release(
    key: str,
    /,
    *,
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Give back what a hold holds.

    Parameters
    ----------
    key
        As `promo validate --hold` showed it.

    """
    call(
        settings,
        server,
        lambda client: client.sessions.release(key, request_id=request_id, validate_only=validate_only),
    )
    if json:
        print_json({"key": key, "released": not validate_only})
    elif validate_only:
        print_line(f"{key} can be released. Nothing was changed.")
    else:
        print_line(f"Released {key}.")
