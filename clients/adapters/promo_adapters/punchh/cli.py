"""`promo-punchh`: the adapter alone, and what an operator does with what it could not deliver."""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import uvloop
from cyclopts import App, CycloptsError, Parameter
from prometheus_client import CollectorRegistry

from promo.client import PromoClient
from promo_adapters.base.clock import system_clock
from promo_adapters.base.database import DatabaseInUseError, connect
from promo_adapters.base.queue import Queue
from promo_adapters.base.serving import address_of, bind, serve
from promo_adapters.braze.objects import OUTBOX
from promo_adapters.braze.replay import replay as replay_outbox
from promo_adapters.punchh import store
from promo_adapters.punchh.app import create_app
from promo_adapters.punchh.metrics import PunchhMetrics
from promo_adapters.punchh.settings import Settings, SettingsError, load
from promo_adapters.punchh.store import INBOX

_HELP: Final = """Takes the webhooks of Punchh, hands out codes, and tells Braze.

Every event is on disk before Punchh gets its answer. What the engine or Braze
cannot take now is tried again, what they will never take becomes a dead letter.

  promo-punchh --target 127.0.0.1:50600 --config punchh.toml
  promo-punchh status --config punchh.toml
  promo-punchh dead-letters --config punchh.toml
  promo-punchh replay inbox --all --config punchh.toml
  promo-punchh drop outbox KEY --config punchh.toml

The configuration file, here punchh.toml:

  database = "/var/lib/promo/punchh.db"

  [webhook]
  auth = "hmac-sha256"               # or hmac-sha1, bearer, basic
  client = "CLIENT"                  # what Punchh sends as x-pch-key
  secret_file = "/run/secrets/punchh"

  [engine]
  key_file = "/run/secrets/promo"    # id:token of a key, role publisher

  [braze]
  endpoint = "https://rest.iad-01.braze.com"
  key_file = "/run/secrets/braze"    # with the permission users.track

  [[publish]]
  event = "rewards"                  # or coupons
  campaign_name = "Birthday"         # or campaign_id, or redeemable_id
  campaign = "birthday-2026"         # ours

Each setting is also a variable, PROMO_PUNCHH_ENGINE__TARGET for instance; the
secrets are PROMO_PUNCHH_WEBHOOK__SECRET, PROMO_PUNCHH_ENGINE__KEY and
PROMO_PUNCHH_BRAZE__KEY. No secret is an option: others can read a command line.
"""

_QUEUES: Final[dict[str, Queue]] = {"inbox": INBOX, "outbox": OUTBOX}
_INTERRUPTED: Final = 130
_DRAIN_SECONDS: Final = 10.0

Config = Annotated[Path | None, Parameter(help="TOML file with settings; see promo-punchh --help.")]
Json = Annotated[bool, Parameter(negative=(), help="Print JSON for scripts.")]
QueueName = Literal["inbox", "outbox"]

app = App(
    name="promo-punchh",
    help=_HELP,
    help_format="plaintext",
    version_flags=[],
    result_action="return_value",
)


class CommandError(Exception):
    """A command that cannot go on; the text says what to do."""


@app.default
def run(
    *,
    target: Annotated[str | None, Parameter(help="host:port of the engine's gRPC port.")] = None,
    listen: Annotated[str | None, Parameter(help="host:port of the webhook; port 0 takes a free one.")] = None,
    config: Config = None,
) -> None:
    """Serve until SIGTERM or control-C."""
    overrides: dict[str, Any] = {}
    if listen is not None:
        overrides["listen"] = listen
    if target is not None:
        overrides["engine"] = {"target": target}
    settings = load(config, overrides)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    host, _, port = settings.listen.rpartition(":")
    listener = bind(host.strip("[]"), int(port))

    async def work() -> None:
        engine = settings.engine
        metrics = PunchhMetrics(CollectorRegistry())
        ready = f"promo-punchh is ready: http://{address_of(listener)}{settings.webhook.path}"
        async with (
            PromoClient.connect(engine.target, key=engine.api_key(), tls=engine.transport_security()) as client,
            create_app(settings, client, metrics) as adapter,
        ):
            await serve(
                adapter,
                listener,
                head_seconds=settings.webhook.body_seconds,
                drain_seconds=_DRAIN_SECONDS,
                metrics=metrics.requests,
                ready=lambda: print(ready, flush=True),  # noqa: T201 - this is a command
            )

    uvloop.run(work())


@app.command
def status(*, config: Config = None, json: Json = False) -> None:
    """Tell how many events came in and how many objects go out, by state."""
    with closing(_opened(config)) as connection:
        counts = {name: queue.counts(connection) for name, queue in _QUEUES.items()}
    if json:
        return _print_json(counts)
    for name, states in counts.items():
        _print(f"{name:<8}" + "".join(f"{state} {count:<9}" for state, count in states.items()))
    return None


@app.command
def dead_letters(
    *,
    limit: Annotated[int, Parameter(help="How many of each queue at most.")] = 100,
    config: Config = None,
    json: Json = False,
) -> None:
    """List what was given up, and why.

    `inbox` are events that the engine refused, `outbox` objects that Braze refused.
    """
    with closing(_opened(config)) as connection:
        found = [
            {"queue": name, "key": entry.key, "kind": entry.kind, "attempts": entry.attempts, "why": entry.note}
            for name, queue in _QUEUES.items()
            for entry in queue.dead(connection, limit)
        ]
    if json:
        return _print_json(found)
    for one in found:
        _print(f"{one['queue']:<8}{one['key']}  {one['kind']}: {one['why']}")
    return None if found else _print("no dead letters")


@app.command
def replay(
    queue: QueueName,
    *keys: str,
    all: Annotated[bool, Parameter(negative=(), help="Every dead letter of the queue.")] = False,  # noqa: A002
    config: Config = None,
) -> None:
    """Try dead letters again; a running adapter takes them up by itself.

    Correct what was wrong first: `dead-letters` tells. An event that is replayed brings no second code. Attributes that
    a newer object of the same guest has overtaken are not sent again.
    """
    wanted = _wanted(keys, all=all)
    with closing(_opened(config)) as connection:
        if queue == "outbox":
            count = replay_outbox(connection, wanted, system_clock())
        else:
            count = INBOX.replay(connection, wanted, system_clock())
    _print(f"{count} will be tried again")


@app.command
def drop(
    queue: QueueName,
    *keys: str,
    all: Annotated[bool, Parameter(negative=(), help="Every dead letter of the queue.")] = False,  # noqa: A002
    config: Config = None,
) -> None:
    """Never try dead letters again; they are deleted with what was done."""
    wanted = _wanted(keys, all=all)
    with closing(_opened(config)) as connection:
        count = _QUEUES[queue].drop(connection, wanted, system_clock())
    _print(f"{count} will not be tried again")


@app.command
def redemptions(
    *,
    limit: Annotated[int, Parameter(help="How many at most.")] = 100,
    config: Config = None,
    json: Json = False,
) -> None:
    """List uses of rewards, points and coupons that Punchh has told of, newest first."""
    with closing(_opened(config)) as connection:
        found = store.redemptions(connection, limit)
    if json:
        return _print_json(found)
    for one in found:
        guest = one["external_id"] or f"Punchh user {one['user_id']}"
        what = one["code"] or one["name"]
        _print(f"{one['kind']:<11}{one['id']:<12}{guest:<24}{one['status']:<12}{what}")
    return None if found else _print("no redemptions")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line and leave with its exit status: 0 done, 1 failed, 2 not understood, 130 interrupted."""
    try:
        app(sys.argv[1:] if arguments is None else arguments, exit_on_error=False)
    except CycloptsError:
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except (CommandError, SettingsError, DatabaseInUseError, OSError, sqlite3.Error) as error:
        text = f"{error.filename or 'network'}: {error.strerror}" if isinstance(error, OSError) else str(error)
        print(f"promo-punchh: {text}", file=sys.stderr)  # noqa: T201 - this is a command
        sys.exit(1)


def _wanted(keys: Sequence[str], *, all: bool) -> Sequence[str] | None:  # noqa: A002 - as in the commands
    """Return the keys of dead letters, None for every one. Raises CommandError unless exactly one was said."""
    if bool(keys) == all:
        raise CommandError("name the keys that dead-letters lists, or --all")
    return None if all else keys


def _opened(config: Path | None) -> sqlite3.Connection:
    """Return a connection to the adapter's file beside the running adapter's."""
    settings: Settings = load(config, {})
    if not settings.database.exists():
        raise CommandError(f"{settings.database} does not exist; the adapter has never run with this database")
    return connect(settings.database)


def _print(text: str) -> None:
    print(text)  # noqa: T201 - this is a command


def _print_json(document: Any) -> None:  # noqa: ANN401 - JSON
    _print(json.dumps(document, ensure_ascii=False))


if __name__ == "__main__":
    main()
