"""The stores that must all behave alike."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis
from support.commit import load
from support.store_nodes import StoreNode, cluster
from support.store_programs import PROGRAMS, program_of

STORES = [
    *PROGRAMS,
    pytest.param("external", marks=pytest.mark.external),
    pytest.param("cluster", marks=pytest.mark.cluster),
]


@pytest.fixture(scope="session", params=STORES)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    """Yield a client of each store, with the function library loaded."""
    folder: Path = tmp_path_factory.mktemp("store")
    match request.param:
        case "cluster":
            with cluster(folder) as client:
                yield client
        case "external":
            with redis.Redis.from_url(os.environ["PROMO_TEST_STORE_URL"]) as client:
                load(client)
                yield client
        case kind:
            with closing(StoreNode(folder, program_of(kind), "--appendonly", "no")) as node:
                node.start()
                with node.client() as client:
                    load(client)
                    yield client


@pytest.fixture
def tag() -> str:
    """Return the hash tag of a partition that no other test uses."""
    return f"{{test{uuid.uuid4().hex[:8]}:00}}"
