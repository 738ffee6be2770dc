"""Fixtures of tests of the adapters: vendors on this machine, the adapter in a process of its own, a real server."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio
from support.punchh_adapter import CLIENT, SECRET, AdapterProcess
from support.server_process import KEY, ServerProcess

from promo.client import PromoClient
from promo_simulators.braze.app import BrazeSimulator
from promo_simulators.punchh.signing import Credentials
from promo_simulators.punchh.webhooks import Subscription, WebhooksManager
from promo_simulators.serving import running

Punchh = Callable[..., WebhooksManager]


class Receiver(Protocol):
    """Whoever takes webhooks."""

    @property
    def url(self) -> str:
        """Where."""
        ...


@dataclass(frozen=True)
class Braze:
    """A simulated Braze and its address."""

    simulator: BrazeSimulator
    address: str


@pytest_asyncio.fixture
async def client(server: ServerProcess) -> AsyncIterator[PromoClient]:
    """Yield an admin's client of the shared server."""
    async with PromoClient.connect(server.target, key=KEY, timeout=30.0) as connected:
        yield connected


@pytest_asyncio.fixture
async def braze() -> AsyncIterator[Braze]:
    """Yield a Braze that knows nobody."""
    simulator = BrazeSimulator()
    async with running(simulator) as address:
        yield Braze(simulator, address)


@pytest.fixture
def new_adapter(tmp_path: Path, server: ServerProcess) -> Iterator[Callable[..., AdapterProcess]]:
    """Yield a maker of adapters in front of the shared server, started; all are stopped at the end."""
    folders = (tmp_path / f"a{number}" for number in itertools.count())
    with ExitStack() as started:

        def make(braze: str | None, lines: str = "", target: str | None = None, **environment: str) -> AdapterProcess:
            adapter = AdapterProcess(next(folders), target or server.target, braze, lines, **environment)
            started.enter_context(closing(adapter)).start()
            return adapter

        yield make


@pytest_asyncio.fixture
async def punchh() -> AsyncIterator[Punchh]:
    """Yield a maker of Punchhs that send to an adapter; a minute of theirs passes in 60 ms."""
    async with AsyncExitStack() as made:

        def make(adapter: Receiver, credentials: Credentials | None = None) -> WebhooksManager:
            chosen = credentials or Credentials("hmac-sha256", SECRET, CLIENT)
            manager = WebhooksManager(Subscription(adapter.url, chosen, speed=1_000), seed=7)
            made.push_async_exit(manager)
            return manager

        yield make
