"""The command tree, and the one place where a failure becomes a line of text and an exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from promo.client import PromoError
from promo_server import __version__
from promo_server.cli import doctor, keys, serve
from promo_server.cli.failure import CommandError, explain
from promo_server.embedded import EmbeddedStoreError
from promo_server.settings import SettingsError
from promo_server.state import StateError

_HELP = """Promotion engine: coupons that are redeemed exactly once, within every limit.

Start with:

    promo serve                       # a server with its own store, nothing to set up
    promo doctor                      # what is configured, and does it work?
    promo keys create --role checkout # a key for a checkout service

Every command has --json for scripts. Settings: docs/reference/settings.md.
"""


def build() -> App:
    """Return the command tree."""
    app = App(name="promo", help=_HELP, help_format="plaintext", version=__version__, result_action="return_value")
    app.command(serve.serve, name="serve")
    app.command(doctor.doctor, name="doctor")
    app.command(keys.build(), name="keys")
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
    except (CommandError, EmbeddedStoreError, PromoError, SettingsError, StateError, OSError) as error:
        print(f"promo: {explain(error)}", file=sys.stderr)  # noqa: T201 - this is where a command speaks
        return 1
    return result if isinstance(result, int) else 0
