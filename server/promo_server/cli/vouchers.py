"""`promo vouchers`: single codes and what has happened to them."""

from __future__ import annotations

from promo_server.cli.documents import to_document
from promo_server.cli.options import ServerOptions, SettingsOptions, call
from promo_server.cli.output import Json, print_fields, print_json, spell_time


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
    found = call(settings, server, lambda client: client.vouchers.get(code))
    if json:
        print_json(to_document(found))
        return
    print_fields(
        (
            ("id", found.id),
            ("code", found.code),
            ("campaign", f"{found.campaign} ({found.campaign_id})"),
            ("state", "enabled" if found.enabled else "DISABLED"),
            ("used", f"{found.redeemed_count:,} of {found.redemption_limit or 'any number'}"),
            ("holder", found.holder),
            ("published", spell_time(found.publish_time)),
            ("ends", spell_time(found.expire_time)),
        )
    )
