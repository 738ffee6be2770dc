"""The use cases, on real files and a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from support.control_plane import ControlPlane, control_plane

from promo_server.embedded import EmbeddedStore


@pytest_asyncio.fixture
async def plane(tmp_path: Path, embedded_store: EmbeddedStore) -> AsyncIterator[ControlPlane]:
    async with control_plane(tmp_path, embedded_store.url) as running:
        yield running
