"""Every check, in the order in which a server needs what they look at."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.exc import SQLAlchemyError

from promo_server.backends import sql_url
from promo_server.cli.checks.finding import Finding, failed, note, ok
from promo_server.cli.checks.store import check_store
from promo_server.settings import Settings
from promo_server.sql.database import cause_of, create_engine
from promo_server.sql.url import DatabaseUrlError, sqlite_file
from promo_server.state import StateDir, StateError

_SECONDS = 3.0


async def run_checks(settings: Settings) -> list[Finding]:
    """Return what every check found; none changes anything."""
    return [
        _check_extension(),
        _check_state(settings),
        *_check_tls(settings),
        *await check_store(settings),
        await _check_sql(settings),
        await _check_port("server", settings.grpc.listen),
        *([await _check_port("rest", settings.http.listen)] if settings.http.listen else []),
        *([await _check_port("punchh", settings.punchh.listen)] if settings.punchh.config is not None else []),
    ]


def _check_extension() -> Finding:
    try:
        from promo_server import _native  # noqa: PLC0415 - that it cannot be imported is a finding
    except ImportError as error:
        return failed("extension", f"the compiled data plane is missing: {error}", "scripts/install")
    facts = dict(_native.build_info())
    information = ", ".join(f"{name} {value}" for name, value in facts.items())
    if facts["profile"] != "release":
        return note("extension", f"{information}: not as fast as a release", "scripts/install --release")
    return ok("extension", information)


def _check_state(settings: Settings) -> Finding:
    state = StateDir(settings.state_dir)
    if not state.path.exists():
        return note("state", f"{state.path} is made on the first start")
    try:
        master, key = state.load_master_secret(), state.load_admin_key()
    except StateError as error:
        return failed("state", str(error), "")
    if settings.codes.master_secret is not None:
        origin = "master secret from settings"
    else:
        origin = "generated master secret" if master else "no master secret yet"
    return ok("state", f"{state.path}: {origin}, {f'admin key {key.id}' if key else 'no generated admin key'}")


def _check_tls(settings: Settings) -> list[Finding]:
    grpc = settings.grpc
    if grpc.tls_certificate is None:
        return [
            note("tls", "off; calls and keys travel in the clear", "set PROMO_GRPC__TLS_CERTIFICATE outside one host")
        ]
    files = [path for path in (grpc.tls_certificate, grpc.tls_private_key, grpc.tls_client_ca) if path is not None]
    return [_check_file(path) for path in files]


def _check_file(path: Path) -> Finding:
    try:
        known = "-----BEGIN" in path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        return failed("tls", f"{path}: {error}", "correct the path, or its mode")
    return ok("tls", str(path)) if known else failed("tls", f"{path} is no PEM file", "convert it with openssl")


async def _check_sql(settings: Settings) -> Finding:
    url = sql_url(settings, StateDir(settings.state_dir))
    try:
        file = sqlite_file(url)
        if file is not None and not file.exists():
            return note("sql", f"{file} is made on the first start")
        engine = create_engine(url)
        # A password can also stand among the options.
        name = engine.url.set(query={}).render_as_string(hide_password=True)
        async with asyncio.timeout(_SECONDS), engine.connect() as connection:
            made = await connection.run_sync(lambda sync: inspect(sync).has_table("alembic_version"))
            revision = await connection.scalar(text("SELECT version_num FROM alembic_version")) if made else None
        await engine.dispose()
    except (SQLAlchemyError, OSError, TimeoutError, DatabaseUrlError) as error:
        return failed("sql", cause_of(error), "correct PROMO_SQL__URL")
    if not made:
        return note("sql", f"{name} is empty; its tables are made on the first start")
    return ok("sql", f"{name} at revision {revision}")


async def _check_port(check: str, address: str) -> Finding:
    host, _, port = address.rpartition(":")
    with suppress(OSError, TimeoutError, socket.gaierror):
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        writer.close()
        return ok(check, f"listens on {address}")
    return note(check, f"nothing listens on {address}", "promo serve")
