"""`promo store`: the store of a server, looked at beside it; nothing is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import uvloop
from cyclopts import Parameter
from cyclopts.validators import Number
from redis.asyncio import Redis
from redis.exceptions import RedisError

from promo_server.cli.books import connect_store
from promo_server.cli.command_error import CommandError
from promo_server.cli.options import SettingsOptions
from promo_server.cli.output import Json, print_fields, print_hint, print_json, print_line, print_table
from promo_server.cli.progress import Progress
from promo_server.cli.store_memory import Count, Use, measure
from promo_server.settings import Settings

_MIB = 1 << 20
_PARTITIONS_SHOWN = 10


def status(
    *,
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    json: Json = False,
) -> None:
    """Show version, memory, persistence and load of the store."""
    found = uvloop.run(_status(settings.load().settings))
    if json:
        print_json(found)
        return
    limit = f" of {found['max_memory_bytes'] / _MIB:,.0f} MiB" if found["max_memory_bytes"] else ", no limit"
    flushed = f", flushed {found['append_fsync']}" if found["append_only"] and found["append_fsync"] else ""
    print_fields(
        (
            ("store", f"{found['product']} {found['version']}, up {found['uptime_seconds']:,} s"),
            ("memory", f"{found['used_memory_bytes'] / _MIB:,.1f} MiB{limit}, {found['eviction_policy']}"),
            ("persistence", f"append-only file{flushed}" if found["append_only"] else "NO append-only file"),
            ("keys", f"{found['keys']:,}"),
            ("clients", f"{found['clients']:,}"),
            ("commands", f"{found['commands_per_second']:,} a second"),
            ("libraries", ", ".join(found["function_libraries"]) or "none"),
        )
    )


def memory(
    *,
    keys: Annotated[int, Parameter(validator=Number(gte=0))] = 1_000_000,
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Show what takes the store's memory.

    Parameters
    ----------
    keys
        Look at no more keys than this; at all when 0.

    """
    total, used, use = uvloop.run(_memory(settings.load().settings, keys))
    if json:
        print_json(
            {
                "keys": total,
                "used_memory_bytes": used,
                "keys_measured": use.keys,
                "kinds": [{"kind": name, "keys": one.keys, "bytes": one.bytes} for name, one in use.by_kind()],
                "partitions": [
                    {"partition": name, "keys": one.keys, "bytes": one.bytes} for name, one in use.by_partition()
                ],
            }
        )
        return
    _table("what", use.by_kind())
    print_line("")
    _table("largest partitions", use.by_partition()[:_PARTITIONS_SHOWN])
    print_line(f"\n{total:,} keys; {used / _MIB:,.1f} MiB are used in all.")
    if use.keys < total:
        print_hint(f"Only {use.keys:,} keys were measured; --keys 0 measures all.")


async def _status(settings: Settings) -> dict[str, Any]:
    async with _store(settings) as store:
        info: dict[str, Any] = await store.info()
        libraries = await store.function_list()
        # Managed stores keep CONFIG to themselves.
        try:
            fsync = (await store.config_get("appendfsync")).get("appendfsync", "")
        except RedisError:
            fsync = ""
        keys = await store.dbsize()
    product = info.get("server_name", "redis")
    return {
        "product": product,
        "version": str(info.get(f"{product}_version", info["redis_version"])),
        "uptime_seconds": int(info["uptime_in_seconds"]),
        "used_memory_bytes": int(info["used_memory"]),
        "max_memory_bytes": int(info.get("maxmemory", 0)),
        "eviction_policy": str(info.get("maxmemory_policy", "noeviction")),
        "append_only": bool(info.get("aof_enabled")),
        "append_fsync": fsync or None,
        "keys": keys,
        "clients": int(info["connected_clients"]),
        "commands_per_second": int(info["instantaneous_ops_per_sec"]),
        "function_libraries": sorted(_text(library[1]) for library in libraries),
    }


async def _memory(settings: Settings, most: int) -> tuple[int, int, Use]:
    async with _store(settings) as store:
        total = await store.dbsize()
        info: dict[str, Any] = await store.info("memory")
        with Progress("keys", min(most or total, total)) as progress:
            use = await measure(store, most or total, progress.update)
    return total, int(info["used_memory"]), use


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[Redis]:
    store = await connect_store(settings)
    try:
        yield store
    except (RedisError, OSError) as error:
        raise CommandError(f"the store does not answer ({error}); promo doctor tells more") from error
    finally:
        await store.aclose()


def _table(title: str, uses: list[tuple[str, Count]]) -> None:
    rows = [
        (name, f"{one.keys:,}", f"{one.bytes / _MIB:,.2f}", f"{one.bytes / max(one.keys, 1):,.0f}")
        for name, one in uses
    ]
    print_table((title, "keys", "MiB", "bytes a key"), rows)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
