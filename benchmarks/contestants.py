"""Who is measured: the afternoon designs, and the interface that ours has too."""

import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from benchmarks import bodies
from benchmarks.bodies import Template
from benchmarks.load import Target
from benchmarks.processes import family, free_port, started, wait_for_port
from benchmarks.scenario import Scenario
from benchmarks.store import Store

ROOT = Path(__file__).parent.parent
BASELINES = ROOT / "benchmarks" / "baselines"
CACHE = ROOT / "benchmarks" / ".cache"

REDEEM = "/promo.v1.RedemptionService/Redeem"
CAMPAIGN = "1"
PIPELINED = 2000


class Arena(Protocol):
    """A contestant that serves."""

    @property
    def target(self) -> Target:
        """Where its calls go."""
        ...

    def redemptions(self, path: Path, count: int) -> Path:
        """Writes bodies that redeem `count` codes, each its own, each by another customer."""
        ...


ArenaT_co = TypeVar("ArenaT_co", bound=Arena, covariant=True)


class Contestant(Protocol[ArenaT_co]):
    """Something that redeems coupons."""

    @property
    def name(self) -> str:
        """Key in the results."""
        ...

    @property
    def expected_rate(self) -> int:
        """More calls a second than it will do here: decides how many bodies are made."""
        ...

    def serve(
        self, store: Store, scenario: Scenario, directory: Path, cores: Sequence[int]
    ) -> AbstractContextManager[ArenaT_co]:
        """Starts it on the given cores."""
        ...


def identifiers(number: int) -> dict[str, str]:
    """What differs from call to call, besides the code; all of fixed width."""
    return {
        "customer": f"customer-{number:09d}",
        "order": f"order-{number:09d}",
        "request": f"request-{number:09d}",
    }


# Stands in a template for what differs; no real value looks like it.
MARKS = {"code": "~code~~~~"} | {name: value[:-9] + "~" * 9 for name, value in identifiers(0).items()}


@dataclass(frozen=True)
class BaselineArena:
    """An afternoon design that serves."""

    target: Target
    store: Store
    scenario: Scenario
    needs_codes: bool = True

    def redemptions(self, path: Path, count: int) -> Path:
        """Writes the bodies, with their codes put into the store first where the design looks there."""
        if self.needs_codes:
            self.load_codes(count)
        template = self.template()
        return bodies.write(
            path, (template.fill(identifiers(number) | {"code": code(number)}) for number in range(count))
        )

    def load_codes(self, count: int) -> None:
        """Puts unused codes into the store."""
        pipeline = self.store.client.pipeline(transaction=False)
        for number in range(count):
            pipeline.hset(f"code:{code(number)}", mapping={"campaign": CAMPAIGN, "used": 0})
            if number % PIPELINED == PIPELINED - 1:
                pipeline.execute()
        pipeline.execute()

    def template(self) -> Template:
        """The request in the form of the design's protocol."""
        if self.target.wire == "grpc":
            request = self.scenario.redeem_request(MARKS["code"], MARKS["customer"], MARKS["order"], MARKS["request"])
            return Template.cut(request.SerializeToString(), MARKS)
        document = {
            "code": MARKS["code"],
            "customer": MARKS["customer"],
            "order_id": MARKS["order"],
            "currency": self.scenario.currency,
            "items": [
                {"product_id": item.product_id, "quantity": item.quantity, "price": item.price}
                for item in self.scenario.items
            ],
            "request_id": MARKS["request"],
        }
        return Template.cut(json.dumps(document, separators=(",", ":")).encode(), MARKS)


def code(number: int) -> str:
    """A code as wide as its mark."""
    return f"C{number:08d}"


def load_campaign(store: Store, scenario: Scenario) -> None:
    """Puts the campaign into the store, as the script reads it."""
    store.client.hset(
        f"campaign:{CAMPAIGN}",
        mapping={
            "enabled": 1,
            "start_ms": 0,
            "expire_ms": 4_102_444_800_000,  # the year 2100
            "currency": scenario.currency,
            "basis_points": scenario.basis_points,
            "amount_limit": scenario.amount_limit,
            "per_code": scenario.limits.per_code,
            "per_customer": scenario.limits.per_customer,
            "per_campaign": scenario.limits.per_campaign,
            "discount_budget": scenario.limits.discount_budget,
            "used": 0,
            "spent": 0,
        },
    )


@dataclass(frozen=True)
class PythonBaseline:
    """A design in Python, run in an environment of its own."""

    name: str
    script: str
    wire: str
    expected_rate: int
    needs_store: bool = True

    @contextmanager
    def serve(self, store: Store, scenario: Scenario, directory: Path, cores: Sequence[int]) -> Iterator[BaselineArena]:
        """Starts it on the given cores."""
        port = free_port()
        command: list[str | Path] = [peers_python(), BASELINES / self.script, "--port", str(port)]
        if self.needs_store:
            command += ("--store", store.socket)
        with serving(command, port, directory / f"{self.name}.log", cores) as pids:
            load_campaign(store, scenario)
            if self.wire == "grpc":
                target = Target("grpc", f"127.0.0.1:{port}", REDEEM, server_pids=pids)
            else:
                target = Target("http", f"127.0.0.1:{port}", "/redeem", server_pids=pids)
            yield BaselineArena(target, store, scenario, self.needs_store)


@dataclass(frozen=True)
class NodeBaseline:
    """The design on Node."""

    name: str = "node_grpc_ioredis"
    expected_rate: int = 30_000

    @contextmanager
    def serve(self, store: Store, scenario: Scenario, directory: Path, cores: Sequence[int]) -> Iterator[BaselineArena]:
        """Starts it on the given cores."""
        port = free_port()
        server = node_packages() / "server.js"
        command: list[str | Path] = ["node", server, str(port), store.socket, ROOT / "proto", BASELINES / "redeem.lua"]
        with serving(command, port, directory / f"{self.name}.log", cores) as pids:
            load_campaign(store, scenario)
            yield BaselineArena(Target("grpc", f"127.0.0.1:{port}", REDEEM, server_pids=pids), store, scenario)


@contextmanager
def serving(command: list[str | Path], port: int, log: Path, cores: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Runs a baseline; gives its process ids once it serves."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(ROOT / "clients" / "client")}
    with started(command, cores, log, environment) as process:
        wait_for_port(port, process, log)
        yield tuple(family(process.pid))


ECHO = PythonBaseline("grpc_aio_echo", "grpc_echo.py", "grpc", expected_rate=10_000, needs_store=False)
FASTAPI = PythonBaseline("fastapi_redis", "fastapi_redis.py", "http", expected_rate=8_000)
GRPC_AIO = PythonBaseline("grpc_aio_redis", "grpc_redis.py", "grpc", expected_rate=8_000)
NODE = NodeBaseline()


def available() -> tuple[list[Contestant[Arena]], list[str]]:
    """The baselines that can run here, and what to install for the others."""
    found: list[Contestant[Arena]] = [ECHO, FASTAPI, GRPC_AIO]
    if shutil.which("node") and shutil.which("npm"):
        return [*found, NODE], []
    return found, ["node_grpc_ioredis needs Node 20 or newer with npm: apt-get install nodejs npm"]


def peers_python() -> Path:
    """The interpreter of the baselines' environment, made on first use."""
    requirements = BASELINES / "requirements.txt"
    directory = CACHE / "python"
    stamp = directory / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        venv.create(directory, clear=True, with_pip=True)
        install: list[str | Path] = [
            directory / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        subprocess.run([*install, "--requirement", requirements], check=True, stdout=sys.stderr)
        stamp.write_text(requirements.read_text())
    return directory / "bin" / "python"


def node_packages() -> Path:
    """A folder with the Node baseline and its locked packages, made on first use."""
    source = BASELINES / "node"
    directory = CACHE / "node"
    lock = (source / "package-lock.json").read_text()
    stamp = directory / "node_modules" / ".package-lock.sum"
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "server.js", directory)
    if not stamp.exists() or stamp.read_text() != lock:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, directory)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=directory, check=True)
        stamp.write_text(lock)
    return directory
