"""The composition root: settings become a running server, and stop being one in the reverse order."""

from __future__ import annotations

import asyncio
import gc
import json
import secrets
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from promo_server.adapters.processes import AdapterPlan, AdapterProcesses
from promo_server.backends import embedded_store, sql_url
from promo_server.child import Child
from promo_server.data_plane import adapter_plans, archive_config, runtime_config
from promo_server.domain.errors import DomainError
from promo_server.domain.operation import Operation
from promo_server.domain.reasons import Reason
from promo_server.listening import AddressError, require_free
from promo_server.operator_error import OperatorError
from promo_server.rpc.server import ControlPlaneServer
from promo_server.runtime import Runtime
from promo_server.secret_values import parse_master_secret
from promo_server.services.bootstrap import ForeignKeyIdError
from promo_server.services.kernel_codes import KernelCodes
from promo_server.services.kernel_definitions import KernelDefinitions
from promo_server.services.lost_store import has_lost_everything
from promo_server.services.use_cases import Ports, UseCases, wire
from promo_server.settings import Settings
from promo_server.sql.database import SqlDatabase, cause_of
from promo_server.sql.migrate import migrate
from promo_server.state import StateDir
from promo_server.store import ids, keys
from promo_server.store.client import connect
from promo_server.store.definitions import RedisDefinitionStore
from promo_server.store.ledger import RedisLedger
from promo_server.store.publications import RedisPublications
from promo_server.store_url import EMBEDDED
from promo_server.telemetry.endpoint import TelemetryEndpoint
from promo_server.telemetry.interceptor import CallTimer
from promo_server.telemetry.metrics import ControlPlaneMetrics, health_page, metrics_page
from promo_server.telemetry.metrics_file import forget_metrics, metrics_file, read_metrics
from promo_server.workers.team import Workers

_ARCHIVE_PROCESS = "promo_server.workers.archive_process"
_ARCHIVE_STOP_SECONDS = 5.0
"""How long a round of archiving may go on when the server stops; what it leaves, the next start finds."""
_CONNECT_SECONDS = 5.0

Result = TypeVar("Result")

_log = structlog.get_logger(__name__)


class StartError(OperatorError):
    """A server that cannot start; the text says why."""


class Server:
    """One server process: store (when embedded), control plane, data plane, workers, telemetry.

    Beside it run a process that fills the archive, and those of the adapters.

    `start` must run on the main thread, on which the embedded store's life hangs.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._metrics = ControlPlaneMetrics()
        self.state = StateDir(settings.state_dir)
        self.grpc_address = ""
        self.http_address = ""
        self._adapters: dict[str, AdapterProcesses] = {}
        self.project_id = ""
        self.key_ids: tuple[str, ...] = ()

    @property
    def adapter_addresses(self) -> dict[str, str]:
        """Where adapters listen, by name."""
        return {name: adapter.address for name, adapter in self._adapters.items()}

    async def start(self) -> None:
        """Return when calls are answered; leave nothing behind when that fails."""
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        _log.info("server.ready", grpc=self.grpc_address, http=self.http_address, **self.adapter_addresses)

    async def stop(self) -> None:
        """Let calls in progress finish, within `grpc.drain_seconds`, then stop everything."""
        _log.info("server.stopping")
        await self._stack.aclose()
        _log.info("server.stopped")

    async def _start(self) -> None:
        await self._require_addresses()
        self.state.prepare()
        forget_metrics(self.state.metrics)
        master = self._master_secret()
        store_url = await self._start_store()
        database = await self._open_database()
        store = connect(store_url, timeout_seconds=self._settings.store.timeout_ms / 1000)
        self._stack.push_async_callback(store.aclose)
        partitions = self._settings.store.partitions
        ledger = RedisLedger(store, partitions)
        definitions = RedisDefinitionStore(store, partitions)
        await self._refuse_a_lost_store(database, definitions)
        use_cases = wire(
            Ports(
                database=database,
                store=definitions,
                code_kernel=KernelCodes(master),
                definition_kernel=KernelDefinitions(),
                clock=_now_ms,
                entropy=secrets.token_bytes,
                partitions=partitions,
                operation_failed=_log_operation,
                ledger=ledger,
                voucher_ids=ids,
                named_from=keys.named_from(),
            ),
        )
        self._stack.push_async_callback(use_cases.runner.stop)
        await self._bootstrap(use_cases)
        # Before gRPC is at work, which does not like to be forked.
        await self._start_archiving(store_url)
        plans = adapter_plans(self._settings, store_url, master, self.state)
        adapters = self._begin_adapters(plans)
        await self._start_control_plane(use_cases, edges=1 + sum(plan.processes for plan in plans))
        runtime = await self._start_data_plane(store_url, master)
        workers = Workers(
            database,
            ledger,
            RedisPublications(store, partitions),
            use_cases,
            _now_ms,
            self._metrics.registry,
            runtime.sweep,
        )
        workers.start()
        self._stack.push_async_callback(workers.stop)
        # The edge goes first: while it drains, forwarded calls still find the control plane and the workers.
        self._stack.push_async_callback(runtime.drain, self._settings.grpc.drain_seconds)
        self._start_telemetry(runtime)
        await adapters
        # They take no further requests before anything that they need goes.
        self._stack.push_async_callback(self._stop_adapters)
        # What a start leaves stays: to look through it for garbage would stop the control plane for 0.2 s now and then.
        # The little garbage among it, some hundred KiB, is not worth that time either.
        gc.freeze()

    async def _require_addresses(self) -> None:
        """Refuse an address that another has before anything is made or started."""
        settings = self._settings
        addresses = {"grpc.listen": settings.grpc.listen, "telemetry.listen": settings.telemetry.listen}
        if settings.http.listen:
            addresses["http.listen"] = settings.http.listen
        if settings.punchh.config is not None:
            addresses["punchh.listen"] = settings.punchh.listen
        try:
            await require_free(addresses)
        except AddressError as error:
            raise StartError(str(error)) from None

    def _master_secret(self) -> bytes:
        given = self._settings.codes.master_secret
        return parse_master_secret(given.get_secret_value()) if given else self.state.make_master_secret()

    async def _start_store(self) -> str:
        if self._settings.store.url != EMBEDDED:
            return self._settings.store.url
        store = embedded_store(self._settings, self.state)
        await store.start()
        self._stack.push_async_callback(store.stop)
        self._metrics.count_restarts(lambda: store.restarts)
        return store.url

    async def _open_database(self) -> SqlDatabase:
        database = SqlDatabase(sql_url(self._settings, self.state))
        self._stack.push_async_callback(database.close)
        try:
            await migrate(database)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise StartError(f"the database cannot be used: {cause_of(error)}") from error
        return database

    async def _refuse_a_lost_store(self, database: SqlDatabase, store: RedisDefinitionStore) -> None:
        """Refuse a store that has nothing of what the database defines: every limit would count from nothing."""
        try:
            lost = await has_lost_everything(database, store)
        except DomainError as error:
            if error.reason is not Reason.STORE_UNAVAILABLE:
                raise
            # It may come back while the server runs, and then gets no definitions either if it has lost everything.
            _log.warning("store.unavailable", next_step="promo doctor")
            return
        if lost:
            raise StartError(
                "the store is empty, but the database has campaigns. If store.url or state_dir names another store "
                "than before, correct it. If the store was lost, rebuild it from the database: promo store rebuild"
            )

    async def _bootstrap(self, use_cases: UseCases) -> None:
        keys = self._settings.auth.parsed_keys() or (self.state.make_admin_key(),)
        try:
            done = await use_cases.bootstrap(
                self._settings.auth.bootstrap_project, [(key.id, key.token) for key in keys]
            )
        except ForeignKeyIdError as error:
            raise StartError(str(error)) from None
        self.project_id = done.project.id
        self.key_ids = tuple(key.id for key in keys if key.id not in done.revoked)
        if self._settings.auth.bootstrap_keys:
            next_step = "put another id:token in its place in auth.bootstrap_keys"
        else:
            next_step = f"delete {self.state.admin_key}: the next start makes a new admin key"
        for key_id in done.revoked:
            _log.warning("bootstrap.key_revoked", key=key_id, next_step=next_step)

    async def _start_control_plane(self, use_cases: UseCases, edges: int) -> None:
        server = ControlPlaneServer(use_cases, self.state.control_socket, (CallTimer(self._metrics),), edges)
        await server.start()
        self._stack.push_async_callback(server.stop, self._settings.grpc.drain_seconds)

    async def _start_data_plane(self, store_url: str, master: bytes) -> Runtime:
        runtime = Runtime(runtime_config(self._settings, store_url, master, self.state.control_socket))
        try:
            self.grpc_address = await runtime.serve()
        except RuntimeError as error:
            await runtime.drain(0)
            raise StartError(str(error)) from None
        await runtime.until_healthy(_CONNECT_SECONDS)
        return runtime

    async def _start_archiving(self, store_url: str) -> None:
        metrics = metrics_file(self.state.metrics, "archive")
        config = archive_config(self._settings, store_url, sql_url(self._settings, self.state), metrics)
        child = Child(_ARCHIVE_PROCESS, json.dumps(config).encode(), (), _ARCHIVE_STOP_SECONDS)
        self._stack.push_async_callback(child.stop)
        try:
            await child.start()
        except OSError as error:
            raise StartError(str(error)) from None

    def _begin_adapters(self, plans: list[AdapterPlan]) -> asyncio.Task[None]:
        """Return what ends when all adapters take requests; one that takes its time keeps no checkout waiting."""
        self._adapters = {plan.name: AdapterProcesses(plan) for plan in plans}
        self._stack.push_async_callback(self._stop_adapters)
        task = asyncio.create_task(self._start_adapters(plans))
        self._stack.push_async_callback(_cancelled, task)
        return task

    async def _start_adapters(self, plans: list[AdapterPlan]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for plan in plans:
                    group.create_task(self._start_adapter(plan))
        except* StartError as errors:
            raise errors.exceptions[0] from None

    async def _start_adapter(self, plan: AdapterPlan) -> None:
        try:
            await self._adapters[plan.name].start()
        except AddressError as error:
            raise StartError(str(error)) from None
        except OSError as error:
            raise StartError(f"{plan.name}: {error}") from None

    async def _stop_adapters(self) -> None:
        await asyncio.gather(*(adapter.stop() for adapter in self._adapters.values()))

    def _start_telemetry(self, runtime: Runtime) -> None:
        host, _, port = self._settings.telemetry.listen.rpartition(":")
        pages = {
            "/metrics": metrics_page(self._metrics.registry, runtime.metrics, lambda: read_metrics(self.state.metrics)),
            "/healthz": health_page(lambda: {"store": runtime.healthy()}),
        }
        try:
            endpoint = TelemetryEndpoint(host.strip("[]"), int(port), pages)
        except OSError as error:
            raise StartError(str(AddressError("telemetry.listen", self._settings.telemetry.listen, error))) from None
        self._stack.callback(endpoint.close)
        self.http_address = endpoint.address


async def serve(settings: Settings, work: Callable[[Server], Coroutine[object, object, Result]]) -> Result | None:
    """Run a server for as long as `work` takes, which begins once it answers, and return what `work` returns.

    SIGTERM and SIGINT end both, and a long start too.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = Server(settings)
    starting = asyncio.create_task(server.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait((starting,))
        return None
    try:
        await starting  # A start that fails has left nothing to stop, and what it says comes first.
    except BaseException:
        stopping.cancel()
        raise
    try:
        working = asyncio.create_task(work(server))
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return await working
        working.cancel()
        await asyncio.wait((working,))
        return None
    finally:
        stopping.cancel()
        await server.stop()


async def _cancelled(task: asyncio.Task[None]) -> None:
    """Return when a task has ended; what it says does not count any more."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _log_operation(operation: Operation, error: Exception) -> None:
    _log.error("operation.failed", operation=operation.id, exc_info=error)
