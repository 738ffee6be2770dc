"""Whether the server that answers knows the key that commands use."""

from __future__ import annotations

import dataclasses
import socket

import uvloop

from promo.client import PromoClient, PromoError, Timeouts, Tls
from promo.client.exceptions import CredentialsInvalid, CredentialsMissing, PermissionDeniedError
from promo_server.cli.checks.finding import Finding, Severity, failed, note, ok
from promo_server.cli.failure import explain
from promo_server.cli.options import ServerOptions, caller_of, key_of, tls_of
from promo_server.operator_error import OperatorError
from promo_server.settings import ClientSettings, GrpcSettings, Settings

_CHECK = "access"
_TIMEOUTS = Timeouts(managed=5.0)


def check_access(settings: Settings) -> Finding:
    """Return what comes of a call of `grpc.listen` with PROMO_KEY, or else with the key of the state directory.

    Only a refused key is a failure, unless it is meant for another server. Whatever else keeps an answer away is known
    of, but need not be wrong.
    """
    grpc = settings.grpc
    try:
        caller = caller_of(ServerOptions())
        tls = _tls(caller) if grpc.tls_certificate is not None else None
        finding = _not_checked(grpc, tls) or uvloop.run(_call(grpc.listen, key_of(caller, settings), tls))
    except (OperatorError, OSError) as error:
        return note(_CHECK, f"not checked: {explain(error)}")
    # With TLS, the certificate has shown that it is the server that PROMO_TARGET names.
    elsewhere = tls is None and not _is_this(caller.target, grpc.listen)
    if finding.severity is Severity.FAILED and caller.key is not None and elsewhere:
        return note(_CHECK, f"{grpc.listen} does not know PROMO_KEY, which is for PROMO_TARGET, {caller.target}")
    return finding


def _is_this(target: str | None, listen: str) -> bool:
    """Return whether a target is the server that listens there, as far as this machine can tell."""
    if target is None:
        return True
    (host, _, port), (_, _, own_port) = target.rpartition(":"), listen.rpartition(":")
    return port == own_port and any(map(_is_of_this_machine, _addresses(host.strip("[]"))))


def _addresses(host: str) -> list[str]:
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except OSError:
        return []


def _is_of_this_machine(address: str) -> bool:
    # Nobody else's address can be bound.
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as own:
        try:
            own.bind((address, 0))
        except OSError:
            return False
    return True


def _tls(caller: ClientSettings) -> Tls | None:
    """Return how commands secure a call; None where they do not."""
    tls = tls_of(caller)
    if tls is None or caller.target is None:
        return tls
    # A server listens on an address of its machine; its certificate is for the name that callers use.
    return dataclasses.replace(tls, server_name=caller.target.rpartition(":")[0].strip("[]"))


def _not_checked(grpc: GrpcSettings, tls: Tls | None) -> Finding | None:
    if grpc.tls_client_ca is not None:
        return note(_CHECK, "not checked: the server wants certificates of clients, and commands have none")
    if grpc.tls_certificate is not None and tls is None:
        next_step = "set PROMO_TLS=true, or PROMO_TLS_CA to the file of an authority of your own"
        return note(_CHECK, "not checked: the server wants TLS, and commands call without", next_step)
    return None


async def _call(address: str, key: str, tls: Tls | None) -> Finding:
    async with PromoClient.connect(address, key=key, tls=tls or False, timeout=_TIMEOUTS) as client:
        try:
            async for _ in client.campaigns.list(page_size=1):
                break
        except PermissionDeniedError:
            return ok(_CHECK, "the key is known; its roles open no campaigns")
        except (CredentialsMissing, CredentialsInvalid) as error:
            next_step = "start it with this state_dir, name its own with PROMO_STATE_DIR, or set PROMO_KEY"
            return failed(_CHECK, f"the server that answers takes no call: {explain(error)}", next_step)
        except PromoError as error:
            return _unanswered(address, error, tls)
    return ok(_CHECK, "the key opens campaigns")


def _unanswered(address: str, error: PromoError, tls: Tls | None) -> Finding:
    if error.reason is not None:
        return note(_CHECK, f"{address} takes no call: {explain(error)}")
    # gRPC's own words: something listens there, so nobody is told to start a server.
    next_step = "if it is the certificate: set PROMO_TLS_CA to its authority, PROMO_TARGET to its name" if tls else ""
    return note(_CHECK, f"{address} listens, but gives no answer: {' '.join(error.message.split())}", next_step)
