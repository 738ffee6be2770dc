"""A data plane of its own beside a server: another engine on the same store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from support.server_process import KEY, ServerProcess

from promo.client import PromoClient
from promo_server.data_plane import runtime_config
from promo_server.runtime import Runtime
from promo_server.settings import GrpcSettings, Settings
from promo_server.state import StateDir


@asynccontextmanager
async def data_plane(
    server: ServerProcess, control_socket: Path, *, timeout: float = 30.0, **engine: object
) -> AsyncIterator[PromoClient]:
    """Yield an admin's client of it; `engine` replaces settings of the engine."""
    state = StateDir(server.state_dir)
    settings = Settings(grpc=GrpcSettings(listen="127.0.0.1:0", worker_threads=2))
    master = state.load_master_secret()
    assert master is not None
    config = runtime_config(settings, server.store_url, master, control_socket)
    defaults = config["engine"]
    assert isinstance(defaults, dict)
    runtime = Runtime({**config, "engine": {**defaults, **engine}})
    try:
        async with PromoClient.connect(await runtime.serve(), key=KEY, timeout=timeout) as client:
            yield client
    finally:
        await runtime.drain(0)
