"""`promo serve`: the server with everything it needs."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import Annotated, Any

import uvloop
from cyclopts import Parameter

from promo_server import app
from promo_server.cli import INTERRUPTED
from promo_server.cli.command_error import CommandError
from promo_server.cli.demo.run import DemoOptions, load_settings, run
from promo_server.cli.options import SettingsOptions
from promo_server.cli.output import Json, print_json, print_line
from promo_server.cli.own_command import own_command, reachable
from promo_server.cli.replay.invoices import read_invoices
from promo_server.settings import GrpcSettings, LoadedSettings, default_state_dir
from promo_server.store_url import EMBEDDED
from promo_server.telemetry.logs import configure_logs


def serve(
    *,
    listen: Annotated[str | None, Parameter(help="host:port of the gRPC port; port 0 takes a free one.")] = None,
    rest_listen: Annotated[str | None, Parameter(help="host:port of the REST API; empty turns it off.")] = None,
    metrics_listen: Annotated[str | None, Parameter(help="host:port of /metrics and /healthz.")] = None,
    demo: Annotated[bool, Parameter(negative=())] = False,
    once: Annotated[bool, Parameter(negative=())] = False,
    orders: Path | None = None,
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    json: Json = False,
) -> int | None:
    """Run the server until it is told to stop.

    Parameters
    ----------
    demo
        First play the orders of many customers on a campaign, in a store and a database of the demonstration's own.
    once
        With --demo: end after the orders.
    orders
        With --demo: CSV file of invoices to play instead of made-up orders.

    """
    if not demo and (once or orders):
        raise CommandError(f"{'--once' if once else '--orders'} belongs to the demonstration; add --demo")
    if orders is not None:
        # A file that cannot be played is found out before anything is started.
        next(iter(read_invoices(orders)), None)
    overrides: dict[str, Any] = {}
    if listen is not None:
        overrides["grpc"] = {"listen": listen}
    if rest_listen is not None:
        overrides["http"] = {"listen": rest_listen}
    if metrics_listen is not None:
        overrides["telemetry"] = {"listen": metrics_listen}
    loaded = load_settings(settings, overrides) if demo else settings.load(overrides)
    configure_logs(loaded.settings.telemetry.log_level, loaded.settings.telemetry.log_format)

    async def work(server: app.Server) -> int:
        if demo:
            return await run(server, loaded.settings, DemoOptions(orders, once, json))
        if json:
            print_json(_document(server))
        else:
            print_line(_greeting(loaded, server))
        await asyncio.Event().wait()
        return 0

    status = uvloop.run(app.serve(loaded.settings, work))
    # A demonstration that was to end by itself and did not has shown nothing.
    return INTERRUPTED if once and status is None else status


def _document(server: app.Server) -> dict[str, object]:
    return {
        "grpc": server.grpc_address,
        "rest": server.adapter_addresses.get("rest", ""),
        "punchh": server.adapter_addresses.get("punchh", ""),
        "http": server.http_address,
        "project_id": server.project_id,
        "key_ids": list(server.key_ids),
        "state_dir": str(server.state.path),
    }


def _greeting(loaded: LoadedSettings, server: app.Server) -> str:
    settings = loaded.settings
    store = f"embedded, in {server.state.store}" if settings.store.url == EMBEDDED else "external (store.url)"
    database = "given by sql.url" if settings.sql.url else str(server.state.database)
    ids = ", ".join(server.key_ids) or "REVOKED; the log says what to do"
    if settings.auth.bootstrap_keys is not None:
        key = f"{ids} (given by auth.bootstrap_keys)"
        exports = ["export PROMO_KEY=<id:token of that key>"]
    else:
        key = f"{ids} (generated, in {server.state.admin_key})"
        exports = [f"export PROMO_KEY=$(cat {shlex.quote(str(server.state.admin_key))})"]
    # Commands look for what a server without settings has.
    if server.grpc_address != GrpcSettings().listen:
        exports.append(f"export PROMO_TARGET={reachable(server.grpc_address)}")
    if server.state.path != default_state_dir():
        exports.append(f"export PROMO_STATE_DIR={shlex.quote(str(server.state.path.absolute()))}")
    environment = "\n  ".join(exports)
    promo = own_command()
    rest, punchh = (server.adapter_addresses.get(name) for name in ("rest", "punchh"))
    return f"""
promo is ready.

  gRPC      {server.grpc_address}{"  (TLS)" if settings.grpc.tls_certificate else ""}
  REST      {f"http://{rest}" if rest else "off (http.listen is empty)"}
  Punchh    {f"http://{punchh}" if punchh else "off (punchh.config is not set)"}
  metrics   http://{server.http_address}/metrics, health at /healthz
  store     {store}
  database  {database}
  project   {settings.auth.bootstrap_project} ({server.project_id})
  admin key {key}

Next:

  {environment}
  {promo} keys create --role checkout     # a key for a checkout service
  {promo} doctor                          # check everything
"""
