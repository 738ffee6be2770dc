"""What the demonstration tells."""

from __future__ import annotations

import shlex
import sys

from promo.client import Campaign
from promo_server.cli.demo.reconcile import Account, Reconciliation
from promo_server.cli.money import spell
from promo_server.cli.output import print_line, print_table
from promo_server.cli.own_command import own_command
from promo_server.state import StateDir

_COUNTS = {"redeemed": "redemptions", "rolled_back": "rolled back", "counting": "redemptions that count"}
_AMOUNTS = {"discount": "discounts", "returned": "discounts returned", "given": "discounts given"}


def document(found: Reconciliation) -> dict[str, object]:
    """Return the reconciliation for scripts."""
    fields = (*_COUNTS, *_AMOUNTS)
    return {
        "agrees": found.agrees,
        "problems": found.problems + [f"{one.subject}: {one.problem}" for one in found.report.differences],
        "accounts": {
            name: {field: getattr(account, field) for field in fields} for name, account in found.accounts.items()
        },
        "limits_compared": found.report.limits,
        "ledger_entries_compared": found.report.entries,
    }


def show_reconciliation(found: Reconciliation, campaign: Campaign) -> None:
    """Print every side's account beside the others."""
    accounts = list(found.accounts.values())
    rows = [(name, *(_count(account, field) for account in accounts)) for field, name in _COUNTS.items()]
    rows += [
        (name, *(_amount(account, field, campaign.currency_code) for account in accounts))
        for field, name in _AMOUNTS.items()
    ]
    print_line("")
    print_table(("reconciled", *found.accounts), rows, "What the shops were told, and what was written down")
    budget = spell(campaign.limits.discount_budget, campaign.currency_code)
    print_line(f"Limit of the campaign {campaign.limits.per_campaign:,} redemptions, budget (raised) {budget}.")
    print_line(
        "All sides agree to the penny. Checked one by one besides, store against archive: "
        f"{found.report.limits:,} counters of limits, {found.report.entries:,} entries of the ledger; no difference."
        if found.agrees
        else "DOES NOT AGREE:",
    )
    for problem in found.problems:
        print_line(f"  {problem}")
    for one in found.report.differences:
        print_line(f"  {one.subject}: {one.problem}")
    if found.report.waiting:
        print_line(f"  {found.report.waiting} entries are not in the archive")
    if found.report.slot_conflicts:
        print_line(f"  {found.report.slot_conflicts} uses had a slot that was taken")


def _count(account: Account, field: str) -> str:
    value = getattr(account, field)
    return "" if value is None else f"{value:,}"


def _amount(account: Account, field: str, currency: str) -> str:
    value = getattr(account, field)
    return "" if value is None else spell(value, currency)


def show_examples(target: str, key: str, code: str, campaign: Campaign, state: StateDir) -> None:
    """Print what to try next."""
    python, promo = sys.executable, own_command()
    # Flush left: the end of a heredoc must be, and so can all of it be pasted.
    print_line(f"""
The server goes on at {target}. In a second terminal, try the code {code} (10 % off, as often as you like).

From Python:

{python} - <<'END'
import asyncio
from promo.client import PromoClient, item, order

async def main():
    async with PromoClient.connect("{target}", key="{key}") as client:
        cart = order("GBP", [item("mug", price=1250, quantity=2)])
        redemption = await client.redeem(codes=["{code}"], order=cart, customer="you")
        print(redemption.id, redemption.order.total_amount)

asyncio.run(main())
END

From anything that speaks gRPC:

grpcurl -plaintext -H 'authorization: Bearer {key}' -d '{{"redeemables": [{{"code": "{code}"}}],
  "customer": {{"source_id": "you"}}, "order": {{"currency_code": "GBP", "amount": 2500}}}}' \\
  {target} promo.v1.ValidationService/Validate

From the command line; the first line tells it of this server, which has a store and keys of its own:

export PROMO_STATE_DIR={shlex.quote(str(state.path))} PROMO_TARGET={target}
{promo} redeem {code} --amount 25.00 --currency GBP --customer you
{promo} codes export {campaign.name} --count 5
{promo} ledger verify

Control-C here ends the server.
""")
