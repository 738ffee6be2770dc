"""Whether the server that answers knows the key that commands use."""

from __future__ import annotations

from promo.client import PromoClient, PromoError
from promo.client.exceptions import PermissionDeniedError
from promo_server.cli.checks.finding import Finding, failed, note, ok
from promo_server.cli.command_error import CommandError
from promo_server.cli.failure import explain
from promo_server.cli.options import ServerOptions, SettingsOptions, call

_CHECK = "access"


def check_access(settings: SettingsOptions) -> Finding:
    """Return what comes of a call with PROMO_KEY, or else with the key of the state directory."""
    try:
        call(settings, ServerOptions(), _one_campaign)
    except PermissionDeniedError:
        return ok(_CHECK, "the key is known; its roles open no campaigns")
    except CommandError as error:
        return note(_CHECK, str(error))
    except PromoError as error:
        next_step = "start it with this state_dir, name its own with PROMO_STATE_DIR, or set PROMO_KEY"
        return failed(_CHECK, f"the server that answers takes no call: {explain(error)}", next_step)
    return ok(_CHECK, "the key opens campaigns")


async def _one_campaign(client: PromoClient) -> None:
    async for _ in client.campaigns.list(page_size=1):
        return
