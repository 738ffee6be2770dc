"""The engine under measurement: `promo serve` as a user would run it, driven over real gRPC."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from benchmarks import bodies
from benchmarks.bodies import Template
from benchmarks.contestants import MARKS, REDEEM, identifiers
from benchmarks.load import Target
from benchmarks.processes import StartError, family, free_port, started, wait_for_port
from benchmarks.scenario import Limits, Scenario
from benchmarks.store import Store
from promo.v1 import (
    campaign_pb2,
    campaign_service_pb2,
    campaign_service_pb2_grpc,
    code_service_pb2,
    code_service_pb2_grpc,
    customer_pb2,
    discount_pb2,
    limit_pb2,
    publication_service_pb2,
)

KEY = "bench:bench-token-0123456789abcdef"
AUTHORIZATION = f"Bearer {KEY}"
METADATA = (("authorization", AUTHORIZATION),)
BATCH_REDEEM = "/promo.v1.RedemptionService/BatchRedeem"
PUBLISH = "/promo.v1.PublicationService/Publish"
BATCH_PUBLISH = "/promo.v1.PublicationService/BatchPublish"
CODE_COUNT = 10_000_000
READY_SECONDS = 30.0


@dataclass(frozen=True)
class OurArena:
    """Our server, serving a campaign."""

    address: str
    server_pids: tuple[int, ...]
    scenario: Scenario
    channel: grpc.Channel
    campaign: str

    def calling(self, method: str) -> Target:
        """Where calls of one method go."""
        return Target("grpc", self.address, method, AUTHORIZATION, self.server_pids)

    @property
    def target(self) -> Target:
        """Where redemptions go."""
        return self.calling(REDEEM)

    def redemptions(self, path: Path, count: int) -> Path:
        """Writes bodies that redeem `count` codes, each its own, each by another customer."""
        return bodies.write(path, self.redeem_bodies(count))

    def batch_redemptions(self, path: Path, batches: int, size: int) -> Path:
        """Writes bodies that redeem `size` codes each."""
        return bodies.write(path, in_batches(self.redeem_bodies(batches * size), size))

    def redeem_bodies(self, count: int, *, every: int = 1) -> Iterator[bytes]:
        """Requests that redeem every `every`-th code of the campaign."""
        codes = self.codes(count * every)[::every]
        marks = MARKS | {"code": "~" * len(codes[0])}
        request = self.scenario.redeem_request(marks["code"], marks["customer"], marks["order"], marks["request"])
        template = Template.cut(request.SerializeToString(), marks)
        return (template.fill(identifiers(number) | {"code": code}) for number, code in enumerate(codes))

    def publish_bodies(self, count: int, first: int = 0) -> Iterator[bytes]:
        """Requests that publish a code each, each to another customer."""
        marks = {name: MARKS[name] for name in ("customer", "request")}
        request = publication_service_pb2.PublishRequest(
            campaign=self.campaign,
            customer=customer_pb2.Customer(source_id=marks["customer"]),
            request_id=marks["request"],
        )
        template = Template.cut(request.SerializeToString(), marks)
        return (template.fill(identifiers(number)) for number in range(first, first + count))

    def publications(self, path: Path, count: int) -> Path:
        """Writes bodies that publish a code each."""
        return bodies.write(path, self.publish_bodies(count))

    def batch_publications(self, path: Path, batches: int, size: int) -> Path:
        """Writes bodies that publish `size` codes each."""
        return bodies.write(path, in_batches(self.publish_bodies(batches * size), size))

    def codes(self, count: int) -> list[str]:
        """The first codes of the campaign."""
        stub = code_service_pb2_grpc.CodeServiceStub(self.channel)
        request = code_service_pb2.ExportCodesRequest(campaign=self.campaign, code_count=count)
        answers = stub.ExportCodes(request, metadata=METADATA, timeout=60.0)
        return b"".join(answer.chunk for answer in answers).decode().split()


def in_batches(requests: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Batch requests of `size` requests each, put together from serialised ones: all are field 1."""
    batch: list[bytes] = []
    for request in requests:
        batch.append(b"\x0a" + varint(len(request)) + request)
        if len(batch) == size:
            yield b"".join(batch)
            batch.clear()


def varint(value: int) -> bytes:
    """A protobuf integer."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


@dataclass(frozen=True)
class Ours:
    """Our server as a contestant."""

    name: str = "promo"
    expected_rate: int = 60_000

    @contextmanager
    def serve(self, store: Store, scenario: Scenario, directory: Path, cores: Sequence[int]) -> Iterator[OurArena]:
        """Starts it with the scenario's campaign."""
        with server(store, directory, cores) as (address, pids, channel):
            campaign = create_campaign(channel, scenario, "bench", CODE_COUNT)
            yield OurArena(address, pids, scenario, channel, campaign.id)


@contextmanager
def server(
    store: Store, directory: Path, cores: Sequence[int], rest: str = ""
) -> Iterator[tuple[str, tuple[int, ...], grpc.Channel]]:
    """Runs `promo serve` on the store of the bench; gives its address, its processes and a channel to it.

    With `rest`, an address, it serves the REST API there too.
    """
    port = free_port()
    address = f"127.0.0.1:{port}"
    environment = os.environ | {
        "PROMO_STATE_DIR": str(directory / "state"),
        "PROMO_STORE__URL": store.url,
        "PROMO_GRPC__LISTEN": address,
        "PROMO_TELEMETRY__LISTEN": f"127.0.0.1:{free_port()}",
        "PROMO_HTTP__LISTEN": rest,
        "PROMO_TELEMETRY__LOG_LEVEL": "warning",
        "PROMO_AUTH__BOOTSTRAP_KEYS": KEY,
    }
    command = [sys.executable, "-c", "from promo_server.cli import main; main()", "serve"]
    log = directory / "promo.log"
    with started(command, cores, log, environment) as process:
        wait_for_port(port, process, log)
        with grpc.insecure_channel(address) as channel:
            wait_until_ready(channel, log)
            yield address, tuple(family(process.pid)), channel


def wait_until_ready(channel: grpc.Channel, log: Path) -> None:
    """Returns when the control plane answers."""
    stub = campaign_service_pb2_grpc.CampaignServiceStub(channel)
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            stub.ListCampaigns(campaign_service_pb2.ListCampaignsRequest(), metadata=METADATA, timeout=5.0)
        except grpc.RpcError as error:
            if time.monotonic() > deadline:
                raise StartError(f"{error}\n{log.read_text(errors='replace')[-4000:]}") from error
            time.sleep(0.05)
        else:
            return


def create_campaign(
    channel: grpc.Channel, scenario: Scenario, name: str, code_count: int, limits: Limits | None = None
) -> campaign_pb2.Campaign:
    """Creates a campaign of the scenario, with other limits where they are given."""
    chosen = limits or scenario.limits
    campaign = campaign_pb2.Campaign(
        name=name,
        currency_code=scenario.currency,
        discount=discount_pb2.Discount(
            percent=discount_pb2.PercentDiscount(
                basis_points=scenario.basis_points,
                effect=discount_pb2.DISCOUNT_EFFECT_APPLY_TO_ORDER,
                amount_limit=scenario.amount_limit,
            )
        ),
        limits=limit_pb2.Limits(
            per_code=chosen.per_code,
            per_customer=chosen.per_customer,
            per_campaign=chosen.per_campaign,
            discount_budget=chosen.discount_budget,
        ),
        code_count=code_count,
    )
    stub = campaign_service_pb2_grpc.CampaignServiceStub(channel)
    request = campaign_service_pb2.CreateCampaignRequest(campaign=campaign)
    return stub.CreateCampaign(request, metadata=METADATA, timeout=60.0)
