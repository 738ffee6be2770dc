"""`promo store rebuild`: an empty store becomes what the database knows of it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import uvloop
from cyclopts import Parameter
from redis.asyncio import Redis

from promo_server.backends import embedded_store
from promo_server.cli.books import existing_database
from promo_server.cli.command_error import CommandError
from promo_server.cli.options import SettingsOptions
from promo_server.cli.output import Json, print_fields, print_hint, print_json
from promo_server.cli.progress import Progress
from promo_server.services.bundles import BundlePublisher
from promo_server.settings import Settings
from promo_server.sql.database import SqlDatabase
from promo_server.sql.migrate import migrate
from promo_server.state import StateDir
from promo_server.store.client import connect
from promo_server.store.counters import RedisCounters
from promo_server.store.definitions import RedisDefinitionStore
from promo_server.store.ledger import RedisLedger
from promo_server.store.restore import RedisRestore
from promo_server.store_url import EMBEDDED
from promo_server.workers.rebuild import EntriesSetAsideError, RebuildTimes, Rebuilt, StoreNotEmptyError, StoreRebuild

_DAY_MS = 86_400_000

_LOST = {
    "holds": "sessions that were open: what they held is free again",
    "request_ids": "answers kept for request ids: a call that is repeated now is a new call",
    "guesses": "failed guesses and rates: they count from nothing",
    "after_archive": "what happened after the archive's last entry",
}
"""What no rebuild can bring back, by its name in JSON."""

_SET_ASIDE = "set_aside"
"""The name in JSON of entries that the archive could not take."""


@dataclass(frozen=True, slots=True)
class _ProjectTimes:
    """Until when the archive knows of a project, by the project's name; None when nothing had happened."""

    name: str
    archived_ms: int | None


def rebuild(
    *,
    without_set_aside: Annotated[bool, Parameter(negative=())] = False,
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    json: Json = False,
) -> None:
    """Write into an empty store what the database knows. No server may run on it meanwhile.

    Parameters
    ----------
    without_set_aside
        Rebuild also when the archive could not take entries: what they used can be used again.

    """
    done, projects = uvloop.run(_rebuild(settings.load().settings, without_set_aside=without_set_aside))
    lost = dict(_LOST)
    if done.set_aside:
        lost[_SET_ASIDE] = f"{done.set_aside:,} entries that the archive could not take: what they used is free again"
    if json:
        print_json(
            {
                "definitions": done.definitions,
                "limits": done.limits,
                "publications": done.publications,
                "rolled_back": done.rolled_back,
                "edited_vouchers": done.vouchers,
                "archived_until": {one.name: _spell(one.archived_ms) for one in projects},
                "not_restored": list(lost),
            }
        )
        return
    print_fields(
        (
            ("definitions and keys", f"{done.definitions:,}"),
            ("counters of limits", f"{done.limits:,}"),
            ("publications", f"{done.publications:,}"),
            ("marks of rollbacks", f"{done.rolled_back:,}"),
            ("edited vouchers", f"{done.vouchers:,}"),
            *((f"{one.name} archived until", _spell(one.archived_ms) or "nothing had happened") for one in projects),
        )
    )
    print_hint("\nNot restored, since only the store had it:")
    for text in lost.values():
        print_hint(f"  {text}")
    print_hint("\nNext: promo serve, then: promo ledger verify")


async def _rebuild(settings: Settings, *, without_set_aside: bool) -> tuple[Rebuilt, list[_ProjectTimes]]:
    async with _open(settings) as (database, store):
        await migrate(database)
        partitions, kept = settings.store.partitions, settings.store
        with Progress("restored", None) as progress:
            run = StoreRebuild(
                database,
                BundlePublisher(database, RedisDefinitionStore(store, partitions), partitions),
                RedisCounters(store, partitions),
                RedisRestore(store, partitions),
                RedisLedger(store, partitions),
                lambda: time.time_ns() // 1_000_000,
                RebuildTimes(kept.publication_days * _DAY_MS, kept.rollback_days * _DAY_MS),
                lambda rebuilt: progress.update(rebuilt.things, _note(rebuilt)),
            )
            try:
                done = await run(without_set_aside=without_set_aside)
            except StoreNotEmptyError as error:
                raise CommandError(
                    f"the store has a history of project {error}, and nothing was changed: only an empty store can be "
                    "rebuilt. Compare it with the database: promo ledger verify"
                ) from None
            except EntriesSetAsideError as error:
                raise CommandError(
                    f"{error.count:,} entries of project {error.project_id} are not in the archive, which could not "
                    "take them; what they used could be used again, so the store was not changed. Another release may "
                    f"take them. The first is {error.first.id}: {error.first.problem}. To rebuild without them: "
                    "promo store rebuild --without-set-aside"
                ) from None
        async with database.read() as unit:
            found = [await unit.projects.by_id(project_id) for project_id in await unit.projects.all_ids()]
        return done, [_ProjectTimes(one.name, done.archived_ms.get(one.id)) for one in found if one is not None]


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[tuple[SqlDatabase, Redis]]:
    """Yield database and store; the bundled store runs for as long, which a server that runs does not allow."""
    state = StateDir(settings.state_dir)
    database_url = await existing_database(settings, state)
    async with AsyncExitStack() as stack:
        url = settings.store.url
        if url == EMBEDDED:
            state.prepare()
            bundled = embedded_store(settings, state)
            await bundled.start()
            stack.push_async_callback(bundled.stop)
            url = bundled.url
        store = connect(url, timeout_seconds=settings.store.timeout_ms / 1000)
        stack.push_async_callback(store.aclose)
        database = SqlDatabase(database_url)
        stack.push_async_callback(database.close)
        yield database, store


def _note(rebuilt: Rebuilt) -> str:
    return f"{rebuilt.limits:,} limits, {rebuilt.publications:,} publications"


def _spell(time_ms: int | None) -> str | None:
    if time_ms is None:
        return None
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
