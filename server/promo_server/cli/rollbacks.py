"""`promo rollback`, `promo rollbacks`: redemptions undone."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from promo.client import PromoClient
from promo.v1.redemption_pb2 import Rollback
from promo_server.cli import money
from promo_server.cli.documents import to_document
from promo_server.cli.listing import FilterOptions, Table, show
from promo_server.cli.options import RequestId, ServerOptions, SettingsOptions, ValidateOnly, call
from promo_server.cli.output import Json, print_fields, print_json, print_line, spell_time
from promo_server.cli.redemptions import state


def rollback(
    redemption_id: str,
    /,
    *,
    only: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    reason: str = "",
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Undo a redemption.

    Parameters
    ----------
    redemption_id
        As `promo redeem` showed it.
    only
        Redemption id of one code of a stack, which ends in .0, .1 and so on; repeat for several. All when absent.
    reason
        Kept with it, for people.

    """

    async def work(client: PromoClient) -> tuple[Rollback, str]:
        # First, so that nothing can fail after the rollback; its answer knows no currency.
        currency = (await client.redemptions.get(redemption_id)).order.currency_code
        undone = await client.rollback(
            redemption_id,
            redeemable_redemption_ids=only,
            reason=reason,
            request_id=request_id,
            validate_only=validate_only,
        )
        return undone, currency

    undone, currency = call(settings, server, work)
    if json:
        print_json(to_document(undone))
        return
    returned = money.spell(undone.returned_discount_amount, currency)
    if undone.id:
        now = state(undone.redemption_state)
        print_line(f"Rolled back: {undone.id} took back {returned}; redemption {redemption_id} is now {now}.")
    else:
        print_line(f"Can be rolled back: {returned} would be taken back. Nothing was changed.")


def get(
    rollback_id: str,
    /,
    *,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Show a rollback.

    Parameters
    ----------
    rollback_id
        As `promo rollback` showed it.

    """

    async def work(client: PromoClient) -> tuple[Rollback, str]:
        found = await client.redemptions.get_rollback(rollback_id)
        # Only people need it; a rollback knows no currency.
        currency = "" if json else (await client.redemptions.get(found.redemption_id)).order.currency_code
        return found, currency

    found, currency = call(settings, server, work)
    if json:
        print_json(to_document(found))
        return
    print_fields(
        (
            ("id", found.id),
            ("redemption", found.redemption_id),
            ("rolled back", ", ".join(found.rolled_back_ids)),
            ("taken back", money.spell(found.returned_discount_amount, currency)),
            ("when", spell_time(found.rollback_time)),
            ("reason", found.reason),
            ("redemption is now", state(found.redemption_state)),
        )
    )


def list_rollbacks(
    *,
    options: FilterOptions = FilterOptions(),  # noqa: B008
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """List rollbacks, newest first."""
    table: Table[Rollback] = Table(
        ("id", "when", "redemption", "taken back (minor units)", "reason"),
        lambda one: (
            one.id,
            spell_time(one.rollback_time),
            one.redemption_id,
            f"{one.returned_discount_amount:,}",
            one.reason,
        ),
    )
    show(
        settings,
        server,
        lambda client: client.redemptions.list_rollbacks(
            options.filter, order_by=options.order_by, page_size=options.page_size, require_fresh=options.fresh
        ),
        table,
        options,
        json=json,
    )
