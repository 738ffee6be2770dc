"""The command tree, and the one place where a failure becomes a line of text and an exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from promo_server import __version__
from promo_server.cli import help_texts


def build() -> App:
    """Return the command tree. A command's module is loaded when it is called: `promo --help` must not wait for SQL."""
    app = App(
        name="promo",
        help=help_texts.PROMO,
        help_format="plaintext",
        version=__version__,
        result_action="return_value",
    )
    app.command("promo_server.cli.serve:serve", name="serve", help=help_texts.SERVE)
    app.command("promo_server.cli.doctor:doctor", name="doctor", help=help_texts.DOCTOR)
    keys = App(name="keys", help=help_texts.KEYS)
    keys.command("promo_server.cli.keys:create", name="create", help=help_texts.KEYS_CREATE)
    keys.command("promo_server.cli.keys:list_keys", name="list", help=help_texts.KEYS_LIST)
    keys.command("promo_server.cli.keys:revoke", name="revoke", help=help_texts.KEYS_REVOKE)
    app.command(keys)
    codes = App(name="codes", help=help_texts.CODES)
    codes.command("promo_server.cli.codes:export", name="export", help=help_texts.CODES_EXPORT)
    codes.command("promo_server.cli.code_import:import_codes", name="import", help=help_texts.CODES_IMPORT)
    codes.command("promo_server.cli.code_verify:key", name="key", help=help_texts.CODES_KEY)
    codes.command("promo_server.cli.code_verify:verify", name="verify", help=help_texts.CODES_VERIFY)
    app.command(codes)
    orders = App(name="orders", help=help_texts.ORDERS)
    orders.command("promo_server.cli.orders:replay", name="replay", help=help_texts.ORDERS_REPLAY)
    app.command(orders)
    ledger = App(name="ledger", help=help_texts.LEDGER)
    ledger.command("promo_server.cli.ledger:verify", name="verify", help=help_texts.LEDGER_VERIFY)
    app.command(ledger)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line and leave with its exit status: 0 done, 1 failed, 2 not understood, 130 interrupted."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Return the exit status of a command line; a failure is one line on standard error, never a traceback."""
    try:
        result = build()(arguments, exit_on_error=False, print_error=True)
    except CycloptsError:
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - the border to the person at the terminal
        from promo_server.cli.failure import explain  # noqa: PLC0415 - knows the exceptions of everything

        print(f"promo: {explain(error)}", file=sys.stderr)  # noqa: T201 - this is where a command speaks
        return 1
    return result if isinstance(result, int) else 0
