"""Options that several commands share, and what they lead to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter
from pydantic import ValidationError

from promo.client import PromoClient, Tls
from promo_server.cli.failure import CommandError
from promo_server.secret_values import BootstrapKey, parse_key
from promo_server.settings import ClientSettings, LoadedSettings, Settings, load
from promo_server.state import StateDir

_SETTINGS = Group("Settings", sort_key=2)
_SERVER = Group("Server to call", sort_key=1)


@Parameter(name="*", group=_SETTINGS)
@dataclass(frozen=True, slots=True)
class SettingsOptions:
    """Where settings come from."""

    config: Annotated[Path | None, Parameter(help="TOML file with settings (or PROMO_CONFIG).")] = None
    state_dir: Annotated[Path | None, Parameter(help="Folder of the server's data (or PROMO_STATE_DIR).")] = None

    def load(self, overrides: dict[str, Any] | None = None) -> LoadedSettings:
        """Return the settings in force."""
        values = dict(overrides or {})
        if self.state_dir is not None:
            values["state_dir"] = self.state_dir
        return load(self.config, values)


@Parameter(name="*", group=_SERVER)
@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Which server a command calls. The key is no option: a command line can be read by others."""

    target: Annotated[str | None, Parameter(help="host:port of the server (or PROMO_TARGET).")] = None


@asynccontextmanager
async def connect(settings_options: SettingsOptions, server_options: ServerOptions) -> AsyncIterator[PromoClient]:
    """Yield a client of the server, with PROMO_KEY or else an admin key of the server of this machine."""
    settings = settings_options.load().settings
    try:
        caller = ClientSettings()
    except ValidationError as error:
        name = "PROMO_" + str(error.errors()[0]["loc"][0]).upper()
        raise CommandError(f"{name}: {error.errors()[0]['msg']}") from None
    key = parse_key(caller.key.get_secret_value()) if caller.key else _own_key(settings)
    tls = Tls(root_certificates=caller.tls_ca.read_bytes()) if caller.tls_ca else caller.tls
    target = server_options.target or caller.target or settings.grpc.listen
    async with PromoClient.connect(target, key=key.pair, tls=tls) as client:
        yield client


def _own_key(settings: Settings) -> BootstrapKey:
    """Return the admin key that a server with these settings has."""
    given = settings.auth.parsed_keys()
    key = given[0] if given else StateDir(settings.state_dir).load_admin_key()
    if key is None:
        raise CommandError("there is no key; set PROMO_KEY=id:token, or start a server here with: promo serve")
    return key
