"""What `--help` says: apart from the commands, so that showing it loads none of them."""

from __future__ import annotations

PROMO = """Promotion engine: coupons that are redeemed exactly once, within every limit.

Start with:

    promo serve --demo                 # see what it does, with many orders
    promo serve                        # a server with its own store, no set-up
    promo doctor                       # what is configured, and does it work?
    promo keys create --role checkout  # a key for a checkout service

Every command has --json for scripts. Settings: docs/reference/settings.md.
"""

SERVE = """Run the server until SIGTERM or Control-C; calls in progress are finished first.

With no setting at all it keeps a store and a database of its own, and makes a project and an admin key.

    promo serve
    promo serve --demo                 # see what it does, then try it
    promo serve --demo --once --orders invoices.csv
    promo serve --state-dir /var/lib/promo --listen 0.0.0.0:50600
    PROMO_STORE__URL=redis://store:6379 promo serve --config /etc/promo.toml
"""

DOCTOR = """Show every setting with its origin, and check what a server needs.

Changes nothing. The exit status is 1 when a check failed.

    promo doctor
    promo doctor --config /etc/promo.toml --json
"""

KEYS = """Create, list and revoke API keys, through a running server.

The call is made with PROMO_KEY=id:token or, on the server's own machine, with the admin key that it generated.

    promo keys create --role checkout --name "web shop"
    promo keys list
    promo keys revoke key_k3v9q2x7
"""

KEYS_CREATE = """Create a key and show its token, once.

    promo keys create --role checkout --role publisher --name "web shop"
"""

KEYS_LIST = """List keys, newest first, without their tokens.

    promo keys list --json
"""

KEYS_REVOKE = """End a key; it stops working within one second.

Ending an ended key changes nothing.

    promo keys revoke key_k3v9q2x7
"""

CODES = """Write the codes of a campaign, through a running server.

    promo codes export SPRING -o codes.csv
"""

CODES_EXPORT = """Write the codes of a campaign, one a line, to a file or to standard output.

The same codes come in the same order every time, so parts can be exported
apart from each other. A file has its name only when it is whole; an
interrupted one is called .part, and --resume goes on with it.

    promo codes export SPRING -o codes.csv
    promo codes export SPRING -o codes.csv --resume
    promo codes export SPRING --first 1000000 --count 5
"""

ORDERS = """Play real orders against a running server.

    promo orders replay invoices.csv --campaign SPRING
"""

ORDERS_REPLAY = """Hand a code to each customer of a file, and use it on their orders.

Each order is validated and redeemed; a cancellation rolls back the order that
it cancels. What cannot be replayed is counted, with the reason. After a
failure run it again: nothing is used twice.

    promo orders replay invoices.csv --campaign SPRING
    promo orders replay invoices.csv --campaign SPRING --repeats 10 --json
"""

LEDGER = """Check what happened, on the server's own machine.

    promo ledger verify
"""

LEDGER_VERIFY = """Compare the store's counters, its ledger and the archive in SQL.

Every limit and every entry is looked at; nothing is changed. The exit status
is 1 when they differ. It is meant for a quiet server: while orders come in,
counters move under the comparison.

    promo ledger verify
    promo ledger verify --project default --json
"""

CODES_IMPORT = """Import codes that exist already into a campaign with stored codes.

None of them can be used before the import is finished. Lines that cannot be taken in (no code, or one that the project
has) are reported with their line numbers, the others are imported. What was interrupted goes on with --resume.

    promo codes import codes.csv --campaign "Old shop"
    promo codes import codes.csv --campaign "Old shop" --resume
    promo codes import codes.json --campaign "Old shop" --refused refused.csv --json
    promo codes import codes.csv --campaign "Old shop" --abort
"""

CODES_KEY = """Write the key with which codes of a campaign are verified without a server.

The key can make every code of the campaign: keep it as secret as the codes. It knows the codes that were issued before
it was written. Needs a key with the scope codes.export.

    promo codes key "Spring sale" -o spring.key
"""

CODES_VERIFY = """Tell without any connection whether codes were issued, with the key of their campaign.

"Issued" means: this campaign has the code. It does not mean that the code can still be used: it may have been used,
disabled or deleted since, or the campaign may be over; only the server knows. A made-up code passes with the odds that
--json shows: the codes issued over all that the layout spells. Codes issued after the key was written are not known.
The exit status is 1 when a code was not issued.

    promo codes verify --key spring.key K7XQ2MNP4R
    promo codes verify --key spring.key < codes.txt
"""
