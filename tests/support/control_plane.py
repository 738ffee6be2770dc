"""The use cases over a real database and a real store, without the data plane."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from promo_server.domain.access import Caller, Role, scopes_of
from promo_server.domain.campaign import Campaign
from promo_server.domain.definition import CampaignDefinition, DiscountEffect, Limits, PercentDiscount
from promo_server.domain.layout import CodeLayout
from promo_server.domain.operation import Operation
from promo_server.domain.requests import Repeat
from promo_server.services.create_campaign import NewCampaign
from promo_server.services.kernel_codes import KernelCodes
from promo_server.services.kernel_definitions import KernelDefinitions
from promo_server.services.use_cases import Ports, UseCases, wire
from promo_server.sql.database import SqlDatabase
from promo_server.store import ids, keys
from promo_server.store.client import connect
from promo_server.store.counters import RedisCounters
from promo_server.store.definitions import RedisDefinitionStore
from promo_server.store.ledger import RedisLedger
from promo_server.store.restore import RedisRestore
from promo_server.workers.metrics import ArchiveMetrics
from promo_server.workers.projection import Projection
from promo_server.workers.rebuild import RebuildTimes, StoreRebuild

PARTITIONS = 4
START_MS = 1_795_000_000_000


@dataclass
class TestClock:
    """A clock that stands still until it is told to move."""

    __test__ = False

    now_ms: int = START_MS

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class ControlPlane:
    """Everything a test may look at; `failed` collects operations that ended by a defect."""

    database: SqlDatabase
    client: Redis
    use_cases: UseCases
    clock: TestClock
    project: str
    caller: Caller
    failed: list[Exception] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def campaign(self, **changes: object) -> Campaign:
        """Create a campaign."""
        return await self.use_cases.create_campaign(self.caller, self.new(**changes), Repeat("t"), validate_only=False)

    def new(self, **changes: object) -> NewCampaign:
        """Return a request for a campaign of 1,000 codes with a name of its own."""
        values: dict[str, object] = {
            "name": f"campaign {next(self._numbers)}",
            "definition": DEFINITION,
            "layout": CodeLayout(),
            "code_count": 1_000,
        }
        return NewCampaign(**{**values, **changes})  # type: ignore[arg-type]

    def projection(self) -> Projection:
        """Return a projection of its own, as another process would have."""
        ledger = RedisLedger(self.client, PARTITIONS)
        return Projection(self.database, ledger, self.clock, ArchiveMetrics(CollectorRegistry()))

    def rebuild(self) -> StoreRebuild:
        """Return what fills an empty store from the database."""
        return StoreRebuild(
            self.database,
            self.use_cases.publisher,
            RedisCounters(self.client, PARTITIONS),
            RedisRestore(self.client, PARTITIONS),
            RedisLedger(self.client, PARTITIONS),
            self.clock,
            RebuildTimes(1_000_000, 1_000_000),
            lambda _: None,
        )


@dataclass
class Served:
    """A control plane that answers; `metadata` is what the edge adds for an admin."""

    plane: ControlPlane
    channel: grpc.aio.Channel
    socket: Path
    metadata: tuple[tuple[str, str], ...]


DEFINITION = CampaignDefinition(
    "GBP",
    PercentDiscount(2000, DiscountEffect.APPLY_TO_ORDER, 10_000),
    limits=Limits(per_code=1),
)


def caller_of(project: str, *roles: Role) -> Caller:
    """Return a caller with roles, an admin when none is given."""
    given = roles or (Role.ADMIN,)
    return Caller("key_test", project, scopes_of(given), Role.ADMIN in given, "call")


@asynccontextmanager
async def control_plane(database_url: str, store_url: str) -> AsyncIterator[ControlPlane]:
    """Yield a control plane with one project; the database has its tables."""
    database = SqlDatabase(database_url)
    client = connect(store_url)
    clock, failed = TestClock(), list[Exception]()

    def note(_operation: Operation, error: Exception) -> None:
        failed.append(error)

    try:
        use_cases = wire(
            Ports(
                database=database,
                store=RedisDefinitionStore(client, PARTITIONS),
                code_kernel=KernelCodes(b"\x07" * 32),
                definition_kernel=KernelDefinitions(),
                clock=clock,
                entropy=secrets.token_bytes,
                partitions=PARTITIONS,
                operation_failed=note,
                ledger=RedisLedger(client, PARTITIONS),
                voucher_ids=ids,
                named_from=keys.named_from(),
            ),
        )
        project = (await use_cases.bootstrap("default", [("admin", "secret")])).project
        yield ControlPlane(database, client, use_cases, clock, project.id, caller_of(project.id), failed)
        await use_cases.runner.stop()
    finally:
        await client.aclose()
        await database.close()
