"""What `--help` says of what people define: projects, campaigns, vouchers, customers."""

from __future__ import annotations

PROJECTS = """Create and list projects: tenants that know nothing of each other. Needs an admin key.

    promo projects create "web shop" --time-zone Europe/London
    promo projects list
"""

PROJECTS_CREATE = """Create a project.

    promo projects create "web shop" --time-zone Europe/London
    promo projects create "web shop" --validate-only
"""

PROJECTS_LIST = """List projects, newest first.

    promo projects list
    promo projects list --json
"""

CAMPAIGNS = """Define campaigns: what codes give, when, and how often.

    promo campaigns create SPRING --currency GBP --percent 20 --codes 1000000 --per-code 1
    promo campaigns get SPRING
    promo campaigns update SPRING --end 2026-12-31T23:00:00Z
    promo campaigns disable SPRING
"""

CAMPAIGNS_CREATE = """Create a campaign, whose codes can be used at once.

It is described by options, by a file, or by a file with options on top of it.
Amounts in options are written as people write them (12.50), those in files are
minor units (1250). Hours, days and recurring windows come from a file.

    promo campaigns create SPRING --currency GBP --percent 20 --max-discount 50.00 --codes 1000000 --per-code 1
    promo campaigns create MUGS --currency GBP --amount 2.00 --sku mug --effect items --codes 500 --pattern "MUG-#####"
    promo campaigns create "Old shop" --currency GBP --percent 10 --codes 0   # then: promo codes import
    promo campaigns create --file spring.toml
    promo campaigns create SUMMER --file spring.json --percent 30 --validate-only
"""

CAMPAIGNS_GET = """Show a campaign. With --json it is what a file for create has.

How much of its limits is used, and what it has given, says promo ledger totals.

    promo campaigns get SPRING
    promo campaigns get SPRING --json > spring.json
"""

CAMPAIGNS_LIST = """List campaigns, newest first.

    promo campaigns list
    promo campaigns list --limit 0 --json
"""

CAMPAIGNS_UPDATE = """Change a campaign; what was redeemed stays as it was.

What no option names stays as it is, and a change by somebody else in between
is refused. 0 takes a limit away. Another kind of discount replaces the whole of it.

    promo campaigns update SPRING --end 2026-12-31T23:00:00Z --per-day 1000
    promo campaigns update SPRING --percent 25 --max-discount 40.00
    promo campaigns update SPRING --per-day 0
    promo campaigns update SPRING --file changes.toml --validate-only
"""

CAMPAIGNS_ENABLE = """Let the codes of a campaign be used. Enabling an enabled one changes nothing.

    promo campaigns enable SPRING
"""

CAMPAIGNS_DISABLE = """Refuse the codes of a campaign from the next call on. They can still be handed out.

    promo campaigns disable SPRING
"""

CAMPAIGNS_DELETE = """Delete a campaign. Its codes are unknown from the next call on, its redemptions stay.

    promo campaigns delete SPRING
    promo campaigns delete SPRING --yes
"""

VOUCHERS = """Look at single codes, and give them something of their own.

    promo vouchers get K7XQ2MNP4R
    promo vouchers list SPRING --published --no-redeemed
    promo vouchers update K7XQ2MNP4R --end 2027-01-31T00:00:00Z
    promo vouchers disable K7XQ2MNP4R
"""

VOUCHERS_CREATE = """Create one voucher with a code of your own choice.

With --campaign it has the terms of that campaign, without it stands alone with
terms of its own. No code of the project may be or have been equal to it.

    promo vouchers create WELCOME --campaign SPRING
    promo vouchers create SUMMER24 --currency GBP --percent 10 --per-customer 1
    promo vouchers create GIFT-ANNA --file gift.toml --validate-only
"""

VOUCHERS_LIST = """List the vouchers of a campaign by position, also those that nobody has touched yet.

Without a campaign, list the vouchers that stand alone.

    promo vouchers list SPRING --first 1000000 --limit 20
    promo vouchers list SPRING --holder 17850
    promo vouchers list SPRING --code-prefix K7XQ2MN
    promo vouchers list SPRING --redeemed --limit 0 --json
    promo vouchers list --holder 17850
"""

VOUCHERS_UPDATE = """Give one code something of its own: start, end, uses, discount, metadata.

What no option names stays as it is, and a change by somebody else in between
is refused. What is cleared becomes the campaign's again.

    promo vouchers update K7XQ2MNP4R --end 2027-01-31T00:00:00Z --uses 3
    promo vouchers update K7XQ2MNP4R --amount 10.00 --metadata ticket=4711
    promo vouchers update K7XQ2MNP4R --clear expire_time --clear discount
"""

VOUCHERS_ENABLE = """Let one code be used, as far as its campaign can.

    promo vouchers enable K7XQ2MNP4R
"""

VOUCHERS_DISABLE = """Refuse one code from the next call on.

    promo vouchers disable K7XQ2MNP4R
"""

VOUCHERS_DELETE = """Delete one code: it is unknown from the next call on, and never issued again.

    promo vouchers delete K7XQ2MNP4R --yes
"""

VOUCHERS_GET = """Show one code: its campaign, its uses, who holds it, when it ends.

    promo vouchers get K7XQ2MNP4R
    promo vouchers get k7xq2mnp4r --json
"""

CUSTOMERS = """Keep the profiles of customers, and erase them.

    promo customers upsert 17850 --email ada@example.com
    promo customers get 17850
    promo customers erase 17850
"""

CUSTOMERS_GET = """Show a customer.

    promo customers get 17850
"""

CUSTOMERS_LIST = """List customers, newest first.

Fields of filters: source_id, email, phone, create_time.

    promo customers list --filter 'email = "ada@example.com"'
    promo customers list --order-by source_id --limit 0 --json
"""

CUSTOMERS_UPSERT = """Write the profile of a customer, known or new.

What no option names stays as it is; an empty value takes it away.

    promo customers upsert 17850 --name "Ada L." --email ada@example.com --metadata tier=gold
    promo customers upsert 17850 --phone ""
"""

CUSTOMERS_ERASE = """Erase what is known of a person; what limits are counted against stays.

    promo customers erase 17850
    promo customers erase 17850 --yes
"""
