"""The `promo` command."""

from promo_server.cli.command import main

__all__ = ["main"]
