"""`promo orders`: orders on which codes were used, and real orders played against a running server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import uvloop
from cyclopts import Parameter
from cyclopts.validators import Number

from promo.client import Campaign
from promo.v1.placed_order_pb2 import PlacedOrder
from promo_server.cli import money
from promo_server.cli.checkout import spell_totals
from promo_server.cli.command_error import CommandError
from promo_server.cli.documents import to_document
from promo_server.cli.listing import FilterOptions, Table, show
from promo_server.cli.options import ServerOptions, SettingsOptions, call, connect
from promo_server.cli.output import Json, print_fields, print_json, print_table, spell_time
from promo_server.cli.progress import Progress
from promo_server.cli.redemptions import state
from promo_server.cli.replay import report
from promo_server.cli.replay.behaviour import Behaviour
from promo_server.cli.replay.invoices import read_invoices
from promo_server.cli.replay.player import Player
from promo_server.cli.replay.survey import survey
from promo_server.cli.replay.tally import Tally
from promo_server.cli.replay.wallet import hand_out

Percent = Annotated[float, Parameter(validator=Number(gte=0, lte=100))]


@dataclass(frozen=True, slots=True)
class Replay:
    """What to replay."""

    file: Path
    campaign: str
    checkouts: int
    behaviour: Behaviour


def get(
    order: str,
    /,
    *,
    server: ServerOptions = ServerOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Show an order on which codes were used.

    Parameters
    ----------
    order
        The shop's own id of the order.

    """
    found = call(settings, server, lambda client: client.orders.get(order))
    if json:
        print_json(to_document(found))
        return
    currency = found.order.currency_code
    print_fields(
        (
            ("order", found.order.source_id),
            ("customer", found.customer),
            ("amount", spell_totals(found.order)),
            ("redemption", f"{found.redemption_id}, {state(found.redemption_state)}"),
            ("created", spell_time(found.create_time)),
            ("updated", spell_time(found.update_time)),
        )
    )
    rows = [
        (
            line.sku_id or line.product_id or line.source_id,
            f"{line.quantity:,}",
            *(money.spell(amount, currency) for amount in (line.price, line.discount_amount, line.total_amount)),
        )
        for line in found.order.items
    ]
    if rows:
        print_table(("line", "units", "price", "discount", "total"), rows)


def list_orders(
    *,
    options: FilterOptions = FilterOptions(),  # noqa: B008
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """List orders on which codes were used, newest first."""
    table: Table[PlacedOrder] = Table(
        ("order", "customer", "amount", "discount", "redemption", "state", "created"),
        lambda one: (
            one.order.source_id,
            one.customer,
            money.spell(one.order.amount, one.order.currency_code),
            money.spell(one.order.total_discount_amount, one.order.currency_code),
            one.redemption_id,
            state(one.redemption_state),
            spell_time(one.create_time),
        ),
    )
    show(
        settings,
        server,
        lambda client: client.orders.list(
            options.filter, order_by=options.order_by, page_size=options.page_size, require_fresh=options.fresh
        ),
        table,
        options,
        json=json,
    )


def replay(  # noqa: PLR0913 - one parameter for each option
    file: Path,
    /,
    *,
    campaign: str,
    checkouts: Annotated[int, Parameter(validator=Number(gte=1, lte=1024))] = 16,
    repeats: Percent = 0,
    cancels: Percent = 0,
    tries_again: Percent = 0,
    seed: int = 1,
    server: ServerOptions = ServerOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> int:
    """Hand a code to each customer of a file, and use it on their orders.

    Parameters
    ----------
    file
        CSV with the columns invoice_no, customer_id, stock_code, quantity, unit_price_pence; prices in minor units of
        the campaign's currency. The lines of an invoice stand together; numbers that begin with C are cancellations.
    campaign
        Id or name.
    checkouts
        Orders in progress at a time; those of one customer come one after another.
    repeats
        Percent of redemptions that are sent twice, as after a lost answer.
    cancels
        Percent of orders that are cancelled after their redemption.
    tries_again
        Percent of orders whose code is tried once more.
    seed
        Another one chooses other orders for these shares.

    """
    behaviour = Behaviour(repeats=repeats, cancels=cancels, tries_again=tries_again, seed=seed)
    found, tally = uvloop.run(_replay(Replay(file, campaign, checkouts, behaviour), server, settings))
    if json:
        figures = report.document(tally, found.currency_code)
        print_json({"campaign_id": found.id, "campaign": found.name, **figures})
    else:
        report.show(tally, found.currency_code)
    return 1 if tally.wrong_repeats else 0


async def _replay(wanted: Replay, server: ServerOptions, settings: SettingsOptions) -> tuple[Campaign, Tally]:
    looked = survey(read_invoices(wanted.file))
    if not looked.steps:
        raise CommandError(f"{wanted.file}: has no order that can be replayed; each needs a customer and a price")
    async with connect(settings, server) as client:
        campaign = await client.campaigns.get(wanted.campaign)
        tally = Tally()
        with Progress("codes for customers", len(looked.customers)) as progress:
            wallet = await hand_out(client, campaign.id, looked.customers, 0, tally, progress.update)
        # The same request ids every time: a replay that broke off can be run again, and uses nothing twice.
        player = Player(client, campaign.currency_code, wallet, wanted.behaviour, tally, campaign.id)
        with Progress("orders", looked.steps) as progress:
            step = report.stepper(progress, tally, campaign.currency_code)
            await player.play(read_invoices(wanted.file), wanted.checkouts, step)
    tally.finish()
    return campaign, tally
