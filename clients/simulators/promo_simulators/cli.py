"""`promo-sim-braze` and `promo-sim-punchh`."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Annotated

import cyclopts
from cyclopts import Parameter
from starlette.types import ASGIApp

from promo_simulators.braze.app import BrazeOptions, BrazeSimulator
from promo_simulators.braze.rules import BatchLimit
from promo_simulators.punchh.app import PunchhSimulator
from promo_simulators.punchh.signing import Credentials, Mode
from promo_simulators.punchh.webhooks import Subscription, WebhooksManager
from promo_simulators.serving import running

_BRAZE_HELP = """A stand-in for Braze's /users/track on this machine.

It keeps what it is sent, enforces Braze's limits, and misbehaves when told to:

  promo-sim-braze --port 50630
  curl localhost:50630/_simulator/state
  curl localhost:50630/_simulator/faults -d '[
    {"kind": "throttle", "seconds": 3, "times": 2}]'

Kinds of faults: throttle, status, queued, partial, silence, reset.
"""
_PUNCHH_HELP = """A stand-in for Punchh's Webhooks Manager on this machine.

It checks the receiver, then sends it the events that it is told to send:

  promo-sim-punchh http://127.0.0.1:50620/v1/connectors/punchh/webhook
  curl -X POST localhost:50631/_simulator/activate
  curl localhost:50631/_simulator/events -d '{"copies": 2, "events": [
    {"event_name": "users",
     "payload": {"user_id": 18268, "external_source_id": "u-1"}}]}'
  curl localhost:50631/_simulator/state
"""


def braze() -> None:
    """Run the simulated Braze."""
    app = cyclopts.App(name="promo-sim-braze", help=_BRAZE_HELP, help_format="plaintext", version_flags=[])
    app.default(_braze)
    sys.exit(app())


def punchh() -> None:
    """Run the simulated Punchh."""
    app = cyclopts.App(name="promo-sim-punchh", help=_PUNCHH_HELP, help_format="plaintext", version_flags=[])
    app.default(_punchh)
    sys.exit(app())


def _braze(
    *,
    port: Annotated[int, Parameter(help="Port on 127.0.0.1; 0 takes a free one.")] = 50630,
    key: Annotated[str, Parameter(help="REST API key that callers must have.")] = "braze-key",
    objects: Annotated[int, Parameter(help="Most objects of a request: 75, or 50 on MAU contracts.")] = 75,
    per_array: Annotated[bool, Parameter(negative=(), help="Count each array alone, as old contracts do.")] = False,
    rate_requests: Annotated[int, Parameter(help="Most requests of a window.")] = 3_000,
    rate_seconds: Annotated[float, Parameter(help="Length of a window.")] = 3.0,
) -> None:
    options = BrazeOptions(key, BatchLimit(objects, per_array), rate_requests, rate_seconds)
    asyncio.run(_serve(BrazeSimulator(options), port, "promo-sim-braze"))


def _punchh(
    url: Annotated[str, Parameter(help="Webhook to send to.")],
    /,
    *,
    port: Annotated[int, Parameter(help="Port on 127.0.0.1; 0 takes a free one.")] = 50631,
    auth: Annotated[Mode, Parameter(help="How requests are signed.")] = "hmac-sha256",
    secret: Annotated[str, Parameter(help="Password, token or HMAC secret, made up for tests.")] = "SECRET",  # noqa: S107
    name: Annotated[str, Parameter(help="User name of basic, x-pch-key of hmac.")] = "CLIENT",
    speed: Annotated[float, Parameter(help="How many times faster all waits pass.")] = 1.0,
    seed: Annotated[int | None, Parameter(help="Makes shuffled orders the same every time.")] = None,
) -> None:
    async def work() -> None:
        subscription = Subscription(url, Credentials(auth, secret, name), speed=speed)
        async with WebhooksManager(subscription, seed=seed) as webhooks:
            await _serve(PunchhSimulator(webhooks), port, "promo-sim-punchh")

    asyncio.run(work())


async def _serve(app: ASGIApp, port: int, name: str) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with running(app, port) as address:
        print(f"{name} is ready: {address}", flush=True)  # noqa: T201 - this is a command
        await stopped.wait()
