"""What `--help` says: apart from the commands, so that showing it loads none of them."""

from __future__ import annotations

PROMO = """Promotion engine: coupons that are redeemed exactly once, within every limit.

Start with:

    promo serve --demo                 # see what it does, with many orders
    promo serve                        # a server with its own store, no set-up
    promo doctor                       # what is configured, and does it work?
    promo keys create --role checkout  # a key for a checkout service
    promo campaigns create SPRING --currency GBP --percent 20 --codes 1000000 --per-code 1
    promo completion --install         # the shell completes commands and options

Every command has --json for scripts: one document, or for lists one a line.
The exit status is 0 when it is done, 1 when it was refused or failed, 2 when
the command line is not understood, 3 when an import left lines out. Errors are
one line of text on standard error, also with --json.
Settings: docs/reference/settings.md.
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

CODES = """Add, count and write the codes of a campaign, through a running server.

    promo codes generate SPRING 50000
    promo codes export SPRING -o codes.csv
"""

CODES_GENERATE = """Add codes to a campaign, and show how far it is.

Computed codes are there at once, stored ones are drawn. When it takes longer
than --wait the server goes on; the message says how to wait again.

    promo codes generate SPRING 50000
    promo codes generate SPRING 50000 --request-id more-codes-1 --json
"""

CODES_BATCHES = """List the batches in which a campaign got its codes, oldest first.

    promo codes batches SPRING
"""

CODES_COUNT = """Tell how many codes a campaign has, has handed out and has left.

    promo codes count SPRING
"""

CODES_EXPORT = """Write the codes of a campaign, one a line, to a file or to standard output.

The same codes come in the same order every time, so parts can be exported
apart from each other. A file has its name only when it is whole; an
interrupted one is called .part, and --resume goes on with it.

    promo codes export SPRING -o codes.csv
    promo codes export SPRING -o codes.csv --resume
    promo codes export SPRING --first 1000000 --count 5
"""

ORDERS = """Look at orders on which codes were used, and play real ones against a server.

    promo orders list --filter 'customer = "17850"'
    promo orders replay invoices.csv --campaign SPRING
"""

ORDERS_GET = """Show an order on which codes were used, line by line.

    promo orders get 536365
"""

ORDERS_LIST = """List orders on which codes were used, newest first.

Fields of filters: customer, create_time, amount, discount_amount (minor units).

    promo orders list --filter 'customer = "17850" AND amount >= 10000'
    promo orders list --limit 0 --json
"""

ORDERS_REPLAY = """Hand a code to each customer of a file, and use it on their orders.

Each order is validated and redeemed; a cancellation rolls back the order that
it cancels. What cannot be replayed is counted, with the reason. After a
failure run it again: nothing is used twice.

    promo orders replay invoices.csv --campaign SPRING
    promo orders replay invoices.csv --campaign SPRING --repeats 10 --json
"""

LEDGER = """Watch what happens, and check what happened.

    promo ledger tail
    promo ledger totals SPRING
    promo ledger verify
"""

LEDGER_TOTALS = """Show what a campaign has given so far, and how much of its limits that took.

It reads the archive, which follows the store by milliseconds, on the machine of the server or by its settings. What is
held is not counted before it is redeemed.

    promo ledger totals SPRING
    promo ledger totals SPRING --json
"""

LEDGER_TAIL = """Show the last redemptions, rollbacks and publications, and new ones as they come.

It reads the archive, which follows the store by milliseconds. Control-C ends it.
What comes late is not shown when it is ten seconds older than the newest of its kind, or 5,000 of its kind are newer;
the lists have all: promo redemptions list.

    promo ledger tail
    promo ledger tail --kind redemption --last 50 --no-follow
    promo ledger tail --last 0 --json
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
The exit status is 3 when the import is finished and lines were refused. The campaign is one without codes of its own:

    promo campaigns create "Old shop" --currency GBP --percent 10 --codes 0 --per-code 1
    promo codes import codes.csv --campaign "Old shop"
    promo codes import codes.csv --campaign "Old shop" --resume
    promo codes import codes.json --campaign "Old shop" --refused refused.csv --json
    promo codes import codes.csv --campaign "Old shop" --abort
"""

CODES_KEY = """Write the key with which codes of a campaign are verified without a server.

The key can make every code of the campaign: keep it as secret as the codes. It knows the codes that were issued before
it was written. Needs a key with the scope codes.export.

    promo codes key SPRING -o spring.key
"""

CODES_VERIFY = """Tell without any connection whether codes were issued, with the key of their campaign.

"Issued" means: this campaign has the code. It does not mean that the code can still be used: it may have been used,
disabled or deleted since, or the campaign may be over; only the server knows. A made-up code passes with the odds that
--json shows: the codes issued over all that the layout spells. Codes issued after the key was written are not known.
The exit status is 1 when a code was not issued.

    promo codes verify --key spring.key K7XQ2MNP4R
    promo codes verify --key spring.key < codes.txt
"""

STORE = """Look at the store of the server of this machine, or at the one that settings name; rebuild a lost one.

    promo store status
    promo store memory
    promo store rebuild
"""

STORE_STATUS = """Show version, memory, persistence and load of the store.

    promo store status
    promo store status --state-dir /var/lib/promo --json
"""

STORE_MEMORY = """Show what takes the store's memory: by what keys keep, and the largest partitions.

Every key is asked for its size, a few hundred at a time, so that a store in
use hardly notices. Nothing is written.

    promo store memory
    promo store memory --keys 100000 --json
"""

STORE_REBUILD = """Write into an empty store what the database knows of it, after the store was lost.

Stop every server first. Definitions, keys, counters, budgets, single-use codes, holders, edited vouchers and rollbacks
come back as far as the archive has them. Open sessions and the answers kept for request ids do not: only the store has
those. A store that has any history is refused and stays as it is. What was interrupted can be run again.

Entries that the archive could not take are tried once more. While some are left the rebuild is refused, since the store
would give back what they used; --without-set-aside rebuilds all the same.

    promo store rebuild
    promo store rebuild --config /etc/promo.toml --json
"""

COMPLETION = """Let bash, zsh or fish complete the commands and options of promo.

    promo completion --install
    promo completion bash > /etc/bash_completion.d/promo
"""
