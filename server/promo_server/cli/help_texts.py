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
