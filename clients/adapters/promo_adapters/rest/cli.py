"""`promo-rest`: the REST API alone, in front of a server on another port or machine."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import cyclopts
import uvloop
from cyclopts import Parameter
from prometheus_client import CollectorRegistry

from promo.client import ChannelTransport, Tls
from promo.client.address import checked_address
from promo_adapters.base.engine import remote_health
from promo_adapters.base.metrics import RequestMetrics
from promo_adapters.base.serving import address_of, bind, serve
from promo_adapters.rest.app import create_app
from promo_adapters.rest.call import Limits

_FAILURE = 1
_LIMITS = Limits()

_HELP = """A REST API in the shape of Voucherify's, before a promo-core server.

It keeps nothing: start as many as you like behind a load balancer.
Callers send the id of their API key as X-App-Id and its token as
X-App-Token. Make keys with `promo keys create`: role publisher for
marketing platforms, checkout for shops.

Example: promo-rest --target 127.0.0.1:50600 --listen 127.0.0.1:50680

  curl -H "X-App-Id: $ID" -H "X-App-Token: $TOKEN" \\
    'http://127.0.0.1:50680/v1/vouchers/K7XQ2MNP4R'
"""

app = cyclopts.App(name="promo-rest", help=_HELP, help_format="plaintext", version_flags=[])


@app.default
def run(
    *,
    target: Annotated[str, Parameter(help="host:port of the server's gRPC port.")] = "127.0.0.1:50600",
    listen: Annotated[str, Parameter(help="host:port to serve HTTP on; port 0 takes a free one.")] = "127.0.0.1:50680",
    tls: Annotated[bool, Parameter(negative=(), help="Call the server with TLS.")] = False,
    tls_ca: Annotated[Path | None, Parameter(help="PEM of the authorities to trust instead of the system's.")] = None,
    max_body_bytes: Annotated[int, Parameter(help="Largest request body.")] = _LIMITS.body_bytes,
    read_seconds: Annotated[float, Parameter(help="Time for a request to arrive.")] = _LIMITS.read_seconds,
    drain_seconds: Annotated[float, Parameter(help="Time for requests in progress when stopped.")] = 10.0,
) -> int:
    """Serve until SIGTERM or control-C."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for option, address in (("--target", target), ("--listen", listen)):
        try:
            checked_address(address)
        except ValueError as error:
            return _fail(f"{option} {address}: {error}")
    host, _, port = listen.rpartition(":")
    try:
        options = Tls(root_certificates=tls_ca.read_bytes() if tls_ca is not None else None)
        listener = bind(host.strip("[]"), int(port))
    except OSError as error:
        return _fail(str(error))

    async def work() -> None:
        transport = ChannelTransport(target, options if tls or tls_ca is not None else None)
        metrics = RequestMetrics("rest", CollectorRegistry())
        limits = Limits(max_body_bytes, read_seconds)
        # Over the network the server sees one caller, whoever calls here.
        application = create_app(lambda _peer: transport, remote_health(transport), metrics, limits)
        ready = f"promo-rest is ready: http://{address_of(listener)} in front of {target}"
        try:
            await serve(
                application,
                listener,
                head_seconds=read_seconds,
                drain_seconds=drain_seconds,
                metrics=metrics,
                ready=lambda: print(ready, flush=True),  # noqa: T201 - this is a command
            )
        finally:
            await transport.close()

    uvloop.run(work())
    return 0


def _fail(text: str) -> int:
    print(f"promo-rest: {text}", file=sys.stderr)  # noqa: T201 - this is a command
    return _FAILURE


def main() -> None:
    """Run the command."""
    sys.exit(app())


if __name__ == "__main__":
    main()
