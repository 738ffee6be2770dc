"""Options that several commands share, and what they lead to."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import uvloop
from cyclopts import Group, Parameter
from pydantic import ValidationError
from rich.console import Console

from promo.client import PromoClient, Timeouts, Tls
from promo_server.cli.command_error import CommandError
from promo_server.secret_values import BootstrapKey, parse_key
from promo_server.settings import ClientSettings, LoadedSettings, Settings, environment_name, load
from promo_server.state import StateDir

Answer = TypeVar("Answer")

DEMO = "demo"
"""Folder of the demonstration's own server, in the state directory."""

_PATIENCE = Timeouts(hot=10.0, managed=60.0)
"""A person waits longer than a checkout does."""

_QUIET_SECONDS = 1.0
"""How long nothing is said about waiting."""

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
    caller = caller_of(server_options)
    target = caller.target or settings.grpc.listen
    key, tls = key_of(caller, settings), tls_of(caller) or False
    async with PromoClient.connect(target, key=key, tls=tls, timeout=_PATIENCE) as client:
        yield client


def caller_of(options: ServerOptions) -> ClientSettings:
    """Return what a call needs, of the options or else of the environment."""
    given = {} if options.target is None else {"target": options.target}
    try:
        return ClientSettings.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        origin = f"--{name}" if name in given else environment_name(name)
        raise CommandError(f"{origin}: {problem['msg'].removeprefix('Value error, ')}") from None


def key_of(caller: ClientSettings, settings: Settings) -> str:
    """Return the key of a call, as id:token: PROMO_KEY, or else an admin key of the server with these settings."""
    return (parse_key(caller.key.get_secret_value()) if caller.key else _own_key(settings)).pair


def tls_of(caller: ClientSettings) -> Tls | None:
    """Return how a call is secured; None where it is not."""
    if caller.tls_ca is not None:
        return Tls(root_certificates=caller.tls_ca.read_bytes())
    return Tls() if caller.tls else None


def _own_key(settings: Settings) -> BootstrapKey:
    """Return the admin key that a server with these settings has."""
    given = settings.auth.parsed_keys()
    key = given[0] if given else StateDir(settings.state_dir).load_admin_key()
    if key is not None:
        return key
    demo = settings.state_dir / DEMO
    if StateDir(demo).admin_key.exists():
        raise CommandError(
            "there is no key; start a server here with: promo serve. The demonstration has a key of its own: "
            f"export PROMO_STATE_DIR={shlex.quote(str(demo))}"
        )
    raise CommandError("there is no key; set PROMO_KEY=id:token, or start a server here with: promo serve")


def call(
    settings_options: SettingsOptions,
    server_options: ServerOptions,
    work: Callable[[PromoClient], Awaitable[Answer]],
) -> Answer:
    """Return what `work` got from the server; a terminal shows that it is being waited for."""

    async def run() -> Answer:
        async with connect(settings_options, server_options) as client:
            answer = asyncio.ensure_future(work(client))
            await asyncio.wait((answer,), timeout=_QUIET_SECONDS)
            if answer.done():
                return answer.result()
            # Draws only on a terminal.
            with Console(stderr=True).status("waiting for the server"):
                return await answer

    return uvloop.run(run())


def parse_metadata(pairs: Sequence[str]) -> dict[str, str]:
    """Return the entries of `--metadata key=value`."""
    return dict(pair.split("=", 1) for pair in pairs)


def _pair(_: object, pair: str) -> None:
    if "=" not in pair.lstrip("="):
        raise ValueError("It is not of the form key=value.")


RequestId = Annotated[str, Parameter(help="Makes the call repeatable: a repeat with it gets the first answer.")]
ValidateOnly = Annotated[bool, Parameter(negative=(), help="Check everything, change nothing.")]
Etag = Annotated[str, Parameter(help="Only if nobody has changed it since: the etag that it had.")]
Metadata = Annotated[
    tuple[Annotated[str, Parameter(validator=_pair)], ...],
    Parameter(negative=(), help="key=value, kept with it; give it again for several."),
]
