"""`promo redemptions`: codes that were used."""

from __future__ import annotations

from promo.v1.redemption_pb2 import Redemption, RedemptionState
from promo_server.cli import money
from promo_server.cli.checkout import show_results, spell_totals
from promo_server.cli.documents import to_document, word
from promo_server.cli.listing import FilterOptions, Table, show
from promo_server.cli.options import ServerOptions, SettingsOptions, call
from promo_server.cli.output import Json, print_fields, print_json, spell_time


def get(
    redemption_id: str,
    /,
    *,
    server: ServerOptions = ServerOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Show a redemption.

    Parameters
    ----------
    redemption_id
        As `promo redeem` showed it.

    """
    found = call(settings, server, lambda client: client.redemptions.get(redemption_id))
    if json:
        print_json(to_document(found))
        return
    print_fields(
        (
            ("id", found.id),
            ("state", state(found.state)),
            ("customer", found.customer),
            ("order", found.order.source_id),
            ("amount", spell_totals(found.order)),
            ("redeemed", spell_time(found.redeem_time)),
            ("rolled back", ", ".join(found.rolled_back_ids)),
            ("metadata", ", ".join(f"{key}={value}" for key, value in sorted(found.metadata.items()))),
        )
    )
    show_results(found.results, found.order.currency_code)


def list_redemptions(
    *,
    options: FilterOptions = FilterOptions(),  # noqa: B008
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """List redemptions, newest first."""
    table: Table[Redemption] = Table(
        ("id", "redeemed", "codes", "customer", "order", "discount", "state"),
        lambda one: (
            one.id,
            spell_time(one.redeem_time),
            ", ".join(result.code for result in one.results),
            one.customer,
            one.order.source_id,
            money.spell(one.order.total_discount_amount, one.order.currency_code),
            state(one.state),
        ),
    )
    show(
        settings,
        server,
        lambda client: client.redemptions.list(
            options.filter, order_by=options.order_by, page_size=options.page_size, require_fresh=options.fresh
        ),
        table,
        options,
        json=json,
    )


def state(value: RedemptionState.ValueType) -> str:
    """Return the state of a redemption in words."""
    return word(RedemptionState.DESCRIPTOR, value).replace("_", " ")
