"""The command tree, and the one place where a failure becomes a line of text and an exit status."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from promo_server import __version__
from promo_server.cli import INTERRUPTED, help_definitions, help_texts, help_uses
from promo_server.cli.help_page import HelpPage
from promo_server.cli.misunderstanding import advice

_GRPC_THREAD = "_poll_wrapper"
_THREAD_SECONDS = 1.0


def build() -> App:
    """Return the command tree. A command's module is loaded when it is called: `promo --help` must not wait for SQL."""
    app = App(
        name="promo",
        help=help_texts.PROMO,
        help_format="plaintext",
        help_formatter=HelpPage(),
        version=__version__,
        result_action="return_value",
    )
    app.command("promo_server.cli.serve:serve", name="serve", help=help_texts.SERVE)
    app.command("promo_server.cli.doctor:doctor", name="doctor", help=help_texts.DOCTOR)
    app.command("promo_server.cli.completion:completion", name="completion", help=help_texts.COMPLETION)
    _add_definitions(app)
    _add_uses(app)
    _add_operations(app)
    return app


def _add_definitions(app: App) -> None:
    projects = App(name="projects", help=help_definitions.PROJECTS)
    projects.command("promo_server.cli.projects:create", name="create", help=help_definitions.PROJECTS_CREATE)
    projects.command("promo_server.cli.projects:list_projects", name="list", help=help_definitions.PROJECTS_LIST)
    app.command(projects)
    keys = App(name="keys", help=help_texts.KEYS)
    keys.command("promo_server.cli.keys:create", name="create", help=help_texts.KEYS_CREATE)
    keys.command("promo_server.cli.keys:list_keys", name="list", help=help_texts.KEYS_LIST)
    keys.command("promo_server.cli.keys:revoke", name="revoke", help=help_texts.KEYS_REVOKE)
    app.command(keys)
    campaigns = App(name="campaigns", help=help_definitions.CAMPAIGNS)
    campaigns.command("promo_server.cli.campaigns:create", name="create", help=help_definitions.CAMPAIGNS_CREATE)
    campaigns.command("promo_server.cli.campaigns:get", name="get", help=help_definitions.CAMPAIGNS_GET)
    campaigns.command("promo_server.cli.campaigns:list_campaigns", name="list", help=help_definitions.CAMPAIGNS_LIST)
    campaigns.command("promo_server.cli.campaigns:update", name="update", help=help_definitions.CAMPAIGNS_UPDATE)
    campaigns.command("promo_server.cli.campaigns:enable", name="enable", help=help_definitions.CAMPAIGNS_ENABLE)
    campaigns.command("promo_server.cli.campaigns:disable", name="disable", help=help_definitions.CAMPAIGNS_DISABLE)
    campaigns.command("promo_server.cli.campaigns:delete", name="delete", help=help_definitions.CAMPAIGNS_DELETE)
    app.command(campaigns)
    codes = App(name="codes", help=help_texts.CODES)
    codes.command("promo_server.cli.code_batches:generate", name="generate", help=help_texts.CODES_GENERATE)
    codes.command("promo_server.cli.code_batches:batches", name="batches", help=help_texts.CODES_BATCHES)
    codes.command("promo_server.cli.code_batches:count", name="count", help=help_texts.CODES_COUNT)
    codes.command("promo_server.cli.codes:export", name="export", help=help_texts.CODES_EXPORT)
    codes.command("promo_server.cli.code_import:import_codes", name="import", help=help_texts.CODES_IMPORT)
    codes.command("promo_server.cli.code_verify:key", name="key", help=help_texts.CODES_KEY)
    codes.command("promo_server.cli.code_verify:verify", name="verify", help=help_texts.CODES_VERIFY)
    app.command(codes)
    vouchers = App(name="vouchers", help=help_definitions.VOUCHERS)
    vouchers.command("promo_server.cli.voucher_create:create", name="create", help=help_definitions.VOUCHERS_CREATE)
    vouchers.command("promo_server.cli.vouchers:get", name="get", help=help_definitions.VOUCHERS_GET)
    vouchers.command("promo_server.cli.vouchers:list_vouchers", name="list", help=help_definitions.VOUCHERS_LIST)
    vouchers.command("promo_server.cli.vouchers:update", name="update", help=help_definitions.VOUCHERS_UPDATE)
    vouchers.command("promo_server.cli.vouchers:enable", name="enable", help=help_definitions.VOUCHERS_ENABLE)
    vouchers.command("promo_server.cli.vouchers:disable", name="disable", help=help_definitions.VOUCHERS_DISABLE)
    vouchers.command("promo_server.cli.vouchers:delete", name="delete", help=help_definitions.VOUCHERS_DELETE)
    app.command(vouchers)
    customers = App(name="customers", help=help_definitions.CUSTOMERS)
    customers.command("promo_server.cli.customers:get", name="get", help=help_definitions.CUSTOMERS_GET)
    customers.command("promo_server.cli.customers:list_customers", name="list", help=help_definitions.CUSTOMERS_LIST)
    customers.command("promo_server.cli.customers:upsert", name="upsert", help=help_definitions.CUSTOMERS_UPSERT)
    customers.command("promo_server.cli.customers:erase", name="erase", help=help_definitions.CUSTOMERS_ERASE)
    app.command(customers)


def _add_uses(app: App) -> None:
    app.command("promo_server.cli.publications:publish", name="publish", help=help_uses.PUBLISH)
    app.command("promo_server.cli.checkout:validate", name="validate", help=help_uses.VALIDATE)
    app.command("promo_server.cli.checkout:redeem", name="redeem", help=help_uses.REDEEM)
    app.command("promo_server.cli.rollbacks:rollback", name="rollback", help=help_uses.ROLLBACK)
    publications = App(name="publications", help=help_uses.PUBLICATIONS)
    publications.command("promo_server.cli.publications:get", name="get", help=help_uses.PUBLICATIONS_GET)
    publications.command(
        "promo_server.cli.publications:list_publications", name="list", help=help_uses.PUBLICATIONS_LIST
    )
    publications.command("promo_server.cli.publications:held", name="held", help=help_uses.PUBLICATIONS_HELD)
    app.command(publications)
    redemptions = App(name="redemptions", help=help_uses.REDEMPTIONS)
    redemptions.command("promo_server.cli.redemptions:get", name="get", help=help_uses.REDEMPTIONS_GET)
    redemptions.command("promo_server.cli.redemptions:list_redemptions", name="list", help=help_uses.REDEMPTIONS_LIST)
    app.command(redemptions)
    rollbacks = App(name="rollbacks", help=help_uses.ROLLBACKS)
    rollbacks.command("promo_server.cli.rollbacks:get", name="get", help=help_uses.ROLLBACKS_GET)
    rollbacks.command("promo_server.cli.rollbacks:list_rollbacks", name="list", help=help_uses.ROLLBACKS_LIST)
    app.command(rollbacks)
    sessions = App(name="sessions", help=help_uses.SESSIONS)
    sessions.command("promo_server.cli.sessions:get", name="get", help=help_uses.SESSIONS_GET)
    sessions.command("promo_server.cli.sessions:list_sessions", name="list", help=help_uses.SESSIONS_LIST)
    sessions.command("promo_server.cli.sessions:release", name="release", help=help_uses.SESSIONS_RELEASE)
    app.command(sessions)
    orders = App(name="orders", help=help_texts.ORDERS)
    orders.command("promo_server.cli.orders:get", name="get", help=help_texts.ORDERS_GET)
    orders.command("promo_server.cli.orders:list_orders", name="list", help=help_texts.ORDERS_LIST)
    orders.command("promo_server.cli.orders:replay", name="replay", help=help_texts.ORDERS_REPLAY)
    app.command(orders)


def _add_operations(app: App) -> None:
    ledger = App(name="ledger", help=help_texts.LEDGER)
    ledger.command("promo_server.cli.ledger_tail:tail", name="tail", help=help_texts.LEDGER_TAIL)
    ledger.command("promo_server.cli.ledger:verify", name="verify", help=help_texts.LEDGER_VERIFY)
    ledger.command("promo_server.cli.ledger_totals:totals", name="totals", help=help_texts.LEDGER_TOTALS)
    app.command(ledger)
    store = App(name="store", help=help_texts.STORE)
    store.command("promo_server.cli.store:status", name="status", help=help_texts.STORE_STATUS)
    store.command("promo_server.cli.store:memory", name="memory", help=help_texts.STORE_MEMORY)
    store.command("promo_server.cli.store_rebuild:rebuild", name="rebuild", help=help_texts.STORE_REBUILD)
    app.command(store)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line and leave with its status: 0 done, 1 failed, 2 not understood, 3 in part, 130 interrupted."""
    # What gRPC remarks by itself, of forks and closed connections, is no command's output and no line of a log.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # noqa: TID251 - gRPC reads it, not we
    status = run(sys.argv[1:] if arguments is None else arguments)
    _end_threads()
    sys.exit(status)


def _end_threads() -> None:
    """Wait for the thread of gRPC, which ends once nothing refers to a channel any more, in a cycle neither.

    That must not be left to the end of the interpreter: its main thread would wait there for one that may not run any
    more, now and then for ever.
    """
    gc.collect()
    for thread in threading.enumerate():
        if _GRPC_THREAD in thread.name:
            thread.join(_THREAD_SECONDS)


def run(arguments: Sequence[str]) -> int:
    """Return the exit status of a command line; a failure is one line on standard error, never a traceback."""
    app = build()
    try:
        result = app(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        print(f"promo: {advice(error)}", file=sys.stderr)  # noqa: T201 - this is where a command speaks
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read has enough (`| head`). What is still in the buffer must not fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the border to the person at the terminal
        from promo_server.cli.failure import explain  # noqa: PLC0415 - knows the exceptions of everything
        from promo_server.cli.field_options import option_of  # noqa: PLC0415 - needed by nothing else here

        said = explain(error, lambda field: option_of(field, app, arguments))
        print(f"promo: {said}", file=sys.stderr)  # noqa: T201 - this is where a command speaks
        return 1
    return result if isinstance(result, int) else 0
