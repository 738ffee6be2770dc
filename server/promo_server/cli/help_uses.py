"""What `--help` says of what happens: codes handed out, held, used, returned."""

from __future__ import annotations

PUBLISH = """Hand the next codes of a campaign to a customer, and print them.

A repeated --source-id gets the first codes with it again.

    promo publish SPRING --customer 17850
    promo publish SPRING --customer 17850 --source-id mail-1 --channel braze --json
"""

PUBLICATIONS = """Look at codes that were handed out.

    promo publications list --filter 'campaign = "SPRING"'
    promo publications held SPRING 17850
"""

PUBLICATIONS_GET = """Show a publication.

    promo publications get pub_2a1900f3
"""

PUBLICATIONS_LIST = """List publications, newest first.

Fields of filters: campaign, customer, voucher, code (as typed), source_id,
channel, publish_time.

    promo publications list --filter 'campaign = "SPRING" AND channel = "braze"'
    promo publications list --filter 'code = "K7XQ2MNP4R"'
    promo publications list --limit 0 --json
"""

PUBLICATIONS_HELD = """List the codes of a campaign that a customer holds, oldest first.

    promo publications held SPRING 17850
"""

VALIDATE = """Price an order with codes, and use none of them.

The exit status is 1 when they cannot be used. With --hold, what applies is kept
for the customer and nobody else can take it meanwhile.

    promo validate K7XQ2MNP4R --item mug:2:12.50 --currency GBP --customer 17850
    promo validate K7XQ2MNP4R --order cart.json --hold 15m
    promo validate K7XQ2MNP4R WELCOME5 --mode partial --amount 40.00 --currency GBP --json
"""

REDEEM = """Use codes on an order: once, within every limit, in one step.

    promo redeem K7XQ2MNP4R --item mug:2:12.50 --item plate:1:5.00 --currency GBP --customer 17850
    promo redeem K7XQ2MNP4R --order cart.json --request-id order-536365
    promo redeem K7XQ2MNP4R --order cart.json --session 3f9a0c7d2b
"""

REDEMPTIONS = """Look at codes that were used.

    promo redemptions list --filter 'customer = "17850"'
    promo redemptions get r_11019a4c7d3e2000
"""

REDEMPTIONS_GET = """Show a redemption, code by code.

    promo redemptions get r_11019a4c7d3e2000
"""

REDEMPTIONS_LIST = """List redemptions, newest first.

Fields of filters: campaign, customer, voucher, code (as typed), order, state,
redeem_time, amount, discount_amount (minor units).

    promo redemptions list --filter 'customer = "17850" AND redeem_time >= 2026-11-01T00:00:00Z'
    promo redemptions list --filter 'code = "K7XQ2MNP4R"'
    promo redemptions list --order-by "discount_amount desc" --limit 10
    promo redemptions list --filter 'campaign = "SPRING"' --limit 0 --json
"""

ROLLBACK = """Undo a redemption, or some of its codes; what they took is returned to the same limits, once.

    promo rollback r_11019a4c7d3e2000 --reason "order cancelled"
    promo rollback r_11019a4c7d3e2000 --only r_11019a4c7d3e2000.0
"""

ROLLBACKS = """Look at redemptions that were undone.

    promo rollbacks list --filter 'redemption = "r_11019a4c7d3e2000"'
    promo rollbacks get rr_11019a4c7d3e2001
"""

ROLLBACKS_GET = """Show a rollback.

    promo rollbacks get rr_11019a4c7d3e2001
"""

ROLLBACKS_LIST = """List rollbacks, newest first.

Fields of filters: redemption, rollback_time, returned_amount (minor units).

    promo rollbacks list --filter 'rollback_time >= 2026-11-01T00:00:00Z'
    promo rollbacks list --limit 0 --json
"""

SESSIONS = """Look at what is held for shoppers who are about to pay, and give it back.

    promo sessions list
    promo sessions release 3f9a0c7d2b
"""

SESSIONS_GET = """Show a live hold.

    promo sessions get 3f9a0c7d2b
"""

SESSIONS_LIST = """List live holds; what ends first comes first.

    promo sessions list --customer 17850
    promo sessions list --campaign SPRING --order-by "expire_time desc"
    promo sessions list --expire-time-before 2026-12-01T00:00:00Z
    promo sessions list --limit 0 --json
"""

SESSIONS_RELEASE = """Give back what a hold holds.

    promo sessions release 3f9a0c7d2b
"""
