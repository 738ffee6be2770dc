"""What the data plane is told at its start, made of the settings."""

from __future__ import annotations

from pathlib import Path

from promo_server.adapters.processes import AdapterPlan
from promo_server.settings import GrpcSettings, LimitsSettings, Settings, StoreSettings
from promo_server.state import StateDir

_BRAZE_SECONDS = 35.0
"""How long an adapter may wait for Braze's answer when it stops: what has no answer is sent again."""
_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000


def runtime_config(
    settings: Settings,
    store_url: str,
    master_secret: bytes,
    control_socket: Path,
) -> dict[str, object]:
    """Return the document that the compiled runtime reads; it has the master secret and is never logged."""
    return {
        "worker_threads": settings.grpc.worker_threads,
        "engine": {
            "store_url": store_url,
            "master_secret": master_secret.hex(),
            **_engine(settings.store, settings.limits),
        },
        "edge": {
            "listen": settings.grpc.listen,
            "control_socket": str(control_socket),
            "tls": _tls(settings.grpc),
            "limits": _limits(settings.grpc, settings.limits),
        },
    }


def adapter_plans(
    settings: Settings,
    store_url: str,
    master_secret: bytes,
    state: StateDir,
) -> list[AdapterPlan]:
    """Return the adapters that are to run beside the server."""
    http, punchh, drain_seconds = settings.http, settings.punchh, settings.grpc.drain_seconds
    common = {
        "drain_seconds": drain_seconds,
        "log_level": settings.telemetry.log_level,
        "log_format": settings.telemetry.log_format,
        # Each process is one Python thread's worth of calls: one more thread keeps up with it.
        "runtime": {**runtime_config(settings, store_url, master_secret, state.control_socket), "worker_threads": 1},
        "metrics_folder": str(state.metrics),
    }
    plans: list[AdapterPlan] = []
    if http.listen:
        document = {
            **common,
            "max_body_bytes": http.max_body_bytes,
            "read_seconds": http.read_seconds,
            "trusted_proxies": http.trusted_proxies,
        }
        plans.append(AdapterPlan("rest", "http.listen", http.listen, http.processes, drain_seconds, document))
    if punchh.config is not None:
        document = {**common, "config": str(punchh.config)}
        plans.append(AdapterPlan("punchh", "punchh.listen", punchh.listen, 1, drain_seconds + _BRAZE_SECONDS, document))
    return plans


def archive_config(settings: Settings, store_url: str, sql_url: str, metrics_file: Path) -> dict[str, object]:
    """Return the document that the archiving process reads; its database URL may have a password."""
    store = settings.store
    return {
        "sql_url": sql_url,
        "store_url": store_url,
        "store_timeout_seconds": store.timeout_ms / 1000,
        "partitions": store.partitions,
        "ledger_age_ms": store.ledger_hours * _HOUR_MS,
        "ledger_entries": store.ledger_entries,
        "metrics_file": str(metrics_file),
        "log_level": settings.telemetry.log_level,
        "log_format": settings.telemetry.log_format,
    }


def _engine(store: StoreSettings, limits: LimitsSettings) -> dict[str, object]:
    return {
        "store_timeout_ms": store.timeout_ms,
        "poll_interval_ms": store.poll_interval_ms,
        "idempotency_ttl_ms": store.idempotency_hours * _HOUR_MS,
        "source_id_ttl_ms": store.publication_days * _DAY_MS,
        "rollback_ttl_ms": store.rollback_days * _DAY_MS,
        "guess_limit": limits.unknown_codes,
        "guess_window_ms": limits.unknown_codes_window_seconds * 1000,
    }


def _tls(grpc: GrpcSettings) -> dict[str, object] | None:
    if grpc.tls_certificate is None:
        return None
    return {
        "certificate": str(grpc.tls_certificate),
        "key": str(grpc.tls_private_key),
        "client_authorities": str(grpc.tls_client_ca) if grpc.tls_client_ca else None,
    }


def _limits(grpc: GrpcSettings, limits: LimitsSettings) -> dict[str, object]:
    return {
        "message_bytes": grpc.max_message_bytes,
        "calls_in_flight": grpc.max_concurrent_calls,
        "calls_per_second_per_key": limits.calls_per_second,
        "failed_authentications_per_peer": limits.failed_authentications,
        "default_deadline_ms": grpc.default_deadline_ms,
        "connections": limits.connections,
        "connections_per_peer": limits.connections_per_address,
        "streams_per_connection": limits.calls_per_connection,
    }
