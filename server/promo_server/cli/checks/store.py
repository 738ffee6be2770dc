"""Checks of the store: the bundled one, or the one behind a URL."""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from promo_server.cli.checks.finding import Finding, failed, note, ok
from promo_server.embedded import EmbeddedStoreError
from promo_server.embedded.binary import find_server
from promo_server.secret_values import without_secrets
from promo_server.settings import Settings
from promo_server.state import StateDir
from promo_server.store_url import EMBEDDED

_LEAST_VERSION = 7
_SECONDS = 3.0
_EVICTING = "the store evicts keys when its memory is full, and would forget limits"


async def check_store(settings: Settings) -> list[Finding]:
    """Return what is to be said about the store."""
    if settings.store.url != EMBEDDED:
        return await _check_server(settings.store.url, without_secrets(settings.store.url))
    state = StateDir(settings.state_dir)
    if await asyncio.to_thread(state.store_socket.exists):
        findings = await _check_server(f"unix://{state.store_socket}", "embedded")
        if all(finding.severity != "failed" for finding in findings):
            return findings
    return [await _check_binary(settings)]


async def _check_binary(settings: Settings) -> Finding:
    try:
        server = find_server(settings.embedded.server_path)
    except EmbeddedStoreError as error:
        return failed("store", str(error), "")
    try:
        process = await asyncio.create_subprocess_exec(
            server,
            "--version",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        output, _ = await asyncio.wait_for(process.communicate(), _SECONDS)
    except (OSError, TimeoutError) as error:
        return failed("store", f"{server} does not run: {error}", "set PROMO_EMBEDDED__SERVER_PATH to another")
    text = output.decode("utf-8", "replace").strip()
    # It says: Valkey server v=9.1.2 sha=00000000:1 malloc=libc ...
    return ok("store", f"embedded, not running; {text.partition(' sha=')[0]}")


async def _may_ask_role(client: Redis) -> bool:
    try:
        await client.role()
    except ResponseError:
        return False
    return True


async def _check_server(url: str, name: str) -> list[Finding]:
    client = Redis.from_url(url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS, retry=Retry(NoBackoff(), 0))
    try:
        info: dict[str, Any] = await client.info()
        libraries = await client.function_list()
        may_ask_role = await _may_ask_role(client)
    except (RedisError, OSError, ValueError) as error:
        return [failed("store", f"{name}: {error}", "start it, or correct PROMO_STORE__URL")]
    finally:
        await client.aclose()
    product = info.get("server_name", "redis")
    version = str(info.get(f"{product}_version", info["redis_version"]))
    if int(str(info["redis_version"]).partition(".")[0]) < _LEAST_VERSION:
        return [failed("store", f"{name}: {product} {version}", f"Valkey or Redis {_LEAST_VERSION}+ is needed")]
    if info.get("role", "master") != "master":
        return [failed("store", f"{name}: is a replica", "let PROMO_STORE__URL lead to the primary")]
    used = int(info["used_memory"]) / 1_048_576
    findings = [ok("store", f"{name}: {product} {version}, {used:.1f} MiB used, {len(libraries)} function libraries")]
    if not may_ask_role:
        findings.append(
            note("store failover", "a replica is noticed late: it does not tell its role", "ACL SETUSER ... +role")
        )
    if not info.get("aof_enabled"):
        findings.append(
            note("store durability", "no append-only file: a crash loses redemptions", "CONFIG SET appendonly yes"),
        )
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        findings.append(failed("store memory", _EVICTING, "CONFIG SET maxmemory-policy noeviction"))
    return findings
