"""The control plane on its socket, and a channel to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest_asyncio
from support.control_plane import Served, control_plane
from support.databases import SqliteDatabases

from promo_server.embedded import EmbeddedStore
from promo_server.rpc.server import ControlPlaneServer


@pytest_asyncio.fixture
async def served(tmp_path: Path, embedded_store: EmbeddedStore) -> AsyncIterator[Served]:
    socket = tmp_path / "c"
    async with control_plane(SqliteDatabases(tmp_path).with_tables(), embedded_store.url) as plane:
        server = ControlPlaneServer(plane.use_cases, socket)
        await server.start()
        metadata = (
            ("promo-key-id", "key_test"),
            ("promo-project", plane.project),
            ("promo-scopes", ",".join(sorted(plane.caller.scopes))),
            ("promo-admin", "1"),
            ("promo-call-id", "call-7"),
        )
        async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
            yield Served(plane, channel, socket, metadata)
        await server.stop(0)
