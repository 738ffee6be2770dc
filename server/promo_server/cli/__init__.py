"""The `promo` command."""

import sys

INTERRUPTED = 130
"""Status of a command that Control-C ended, as shells have it."""


def main() -> None:
    """Run the command line of this process, and leave with its status."""
    try:
        # Not above: Control-C while modules load is no traceback either.
        from promo_server.cli import command  # noqa: PLC0415

        command.main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
