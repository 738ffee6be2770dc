"""Shoppers of one coupon campaign over gRPC: publish, validate, redeem, roll back.

Against a running server, with the keys that it has printed:

    locust -f benchmarks/locustfiles/grpc_redeem.py --headless \
        --host 127.0.0.1:50600 --key ID:TOKEN --users 32 --spawn-rate 32 --run-time 30s

Every option is also an environment variable, PROMO_LOCUST_KEY for --key. The key
needs campaigns.write unless --campaign names a campaign, and those of a
checkout and of a publisher. A refusal that the flow provokes counts as a
success, and any other answer than the expected one as a failure, so the run
fails when the engine hands out one use too many or forgets a redemption.
Locust itself is the limit at a few thousand calls per second and core: add
--processes, or use scripts/bench for the engine's own rate.
"""

from __future__ import annotations

import argparse
import random
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, Final, TypeVar

import grpc
import grpc.experimental.gevent
from google.protobuf.message import Message
from locust import User, between, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import WorkerRunner

from promo.client import (
    Campaign,
    Limits,
    Reason,
    item,
    order,
    percent_off,
    publish_request,
    redeem_request,
    status,
    validate_request,
)
from promo.client.errors import PromoError
from promo.v1 import (
    campaign_service_pb2_grpc,
    publication_service_pb2_grpc,
    redemption_service_pb2_grpc,
    validation_service_pb2_grpc,
)
from promo.v1.campaign_service_pb2 import CreateCampaignRequest
from promo.v1.order_pb2 import Order
from promo.v1.redemption_pb2 import Redemption
from promo.v1.redemption_service_pb2 import RedeemRequest, RollbackRequest

# gRPC's own threads would stop the event loop that locust runs on.
grpc.experimental.gevent.init_gevent()

DEFAULT_HOST: Final = "127.0.0.1:50600"
CODE_COUNT: Final = 10_000_000
DEADLINE_SECONDS: Final = 5.0
PRODUCTS: Final = [(f"sku-{number:03}", 99 + 137 * number % 4_900) for number in range(200)]

Answer = TypeVar("Answer", bound=Message)
Stub = Callable[..., Any]


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    """Add the options of this file to locust's."""
    group = parser.add_argument_group("promo")
    for name, default, text in (
        ("key", "", "API key, id:token"),
        ("campaign", "", "id or name of an existing campaign; a new one is made when absent"),
    ):
        group.add_argument(f"--{name}", default=default, env_var=f"PROMO_LOCUST_{name.upper()}", help=text)
    for name, default, text in (
        ("retry-share", 0.05, "redemptions sent twice with one request id"),
        ("again-share", 0.05, "orders that try a used code once more"),
        ("guess-share", 0.0, "orders with a code that does not exist; the guard against guessing notices many"),
        ("rollback-share", 0.03, "redemptions rolled back"),
    ):
        variable = "PROMO_LOCUST_" + name.upper().replace("-", "_")
        group.add_argument(f"--{name}", type=float, default=default, env_var=variable, help=text)


@events.test_start.add_listener
def make_campaign(environment: Environment, **_: object) -> None:
    """Make the campaign of the run, once, and tell every worker its name."""
    options = environment.parsed_options
    if options is None or options.campaign or isinstance(environment.runner, WorkerRunner):
        return
    options.campaign = f"locust-{uuid.uuid4().hex[:12]}"
    campaign = Campaign(
        name=options.campaign,
        currency_code="GBP",
        discount=percent_off(20, limit=100_00),
        limits=Limits(per_code=1),
        code_count=CODE_COUNT,
    )
    with grpc.insecure_channel(environment.host or DEFAULT_HOST) as channel:
        stub = campaign_service_pb2_grpc.CampaignServiceStub(channel)
        stub.CreateCampaign(
            CreateCampaignRequest(campaign=campaign, request_id=uuid.uuid4().hex),
            metadata=credentials(options),
            timeout=DEADLINE_SECONDS,
        )


def credentials(options: argparse.Namespace) -> tuple[tuple[str, str], ...]:
    """Return the metadata that carries the key."""
    return (("authorization", f"Bearer {options.key}"),)


class Connection:
    """The one channel of this process, and a clock on every call over it."""

    _lock = threading.Lock()
    _shared: Connection | None = None

    def __init__(self, environment: Environment) -> None:
        options = environment.parsed_options
        if options is None or not options.key:
            raise SystemExit("give --key ID:TOKEN or PROMO_LOCUST_KEY")
        self.environment = environment
        self.metadata = credentials(options)
        channel = grpc.insecure_channel(environment.host or DEFAULT_HOST)
        self.validation = validation_service_pb2_grpc.ValidationServiceStub(channel)
        self.redemption = redemption_service_pb2_grpc.RedemptionServiceStub(channel)
        self.publication = publication_service_pb2_grpc.PublicationServiceStub(channel)

    @classmethod
    def shared(cls, environment: Environment) -> Connection:
        """Return the connection that all users of this process have."""
        with cls._lock:
            if cls._shared is None:
                cls._shared = cls(environment)
            return cls._shared

    def call(self, name: str, method: Stub, request: Message, *, expected: Reason | None = None) -> Any:  # noqa: ANN401  the stub's answer
        """Return the answer, or None when the call was refused.

        It is a success when it was answered and no refusal is expected, or
        refused for the expected reason.
        """
        answer: Message | None = None
        failure: Exception | None = None
        started = time.perf_counter()
        try:
            answer = method(request, metadata=self.metadata, timeout=DEADLINE_SECONDS)
        except grpc.RpcError as error:
            failure = to_error(error)
        elapsed = time.perf_counter() - started
        if expected is not None:
            reason = failure.reason if isinstance(failure, PromoError) else None
            failure = None if reason is expected else failure or UnexpectedAnswerError(f"{expected.name} expected")
        self.environment.events.request.fire(
            request_type="grpc",
            name=name,
            response_time=elapsed * 1_000,
            response_length=answer.ByteSize() if answer is not None else 0,
            exception=failure,
            context={},
        )
        return answer

    def wrong(self, name: str, text: str) -> None:
        """Count an answer that contradicts an earlier one as a failure."""
        self.environment.events.request.fire(
            request_type="check",
            name=name,
            response_time=0.0,
            response_length=0,
            exception=UnexpectedAnswerError(text),
            context={},
        )


class UnexpectedAnswerError(Exception):
    """The engine answered something else than it must."""


def to_error(error: grpc.RpcError) -> PromoError:
    """Return the exception of a failed call's reason."""
    trailing = dict(error.trailing_metadata() or ())
    code = error.code()
    return status.to_error(status.parse(trailing.get(status.DETAILS_KEY), code.value[0], error.details() or code.name))


class Shopper(User):
    """Gets a code, looks what it does to the cart, uses it, sometimes changes their mind."""

    wait_time = between(0.0, 0.02)

    def on_start(self) -> None:
        """Connect."""
        self.options = self.environment.parsed_options
        self.engine = Connection.shared(self.environment)

    @task
    def shop(self) -> None:
        """Do one order from publication to redemption."""
        customer = f"customer-{uuid.uuid4().hex[:16]}"
        request = publish_request(
            campaign=self.options.campaign,
            customer=customer,
            source_id=f"mail-{customer}",
            request_id=uuid.uuid4().hex,
        )
        publication = self.engine.call("Publish", self.engine.publication.Publish, request)
        if publication is None:
            return
        cart = basket()
        for _ in range(random.randint(1, 3)):
            look = validate_request(codes=publication.codes, order=cart, customer=customer)
            self.engine.call("Validate", self.engine.validation.Validate, look)
        if random.random() < self.options.guess_share:
            guess = redeem_request(codes=["NOSUCHCODE"], order=cart, customer=customer, request_id=uuid.uuid4().hex)
            self.redeem("Redeem: unknown code", guess, expected=Reason.CODE_NOT_FOUND)
        self.pay(publication.codes[0], cart, customer)

    def pay(self, code: str, cart: Order, customer: str) -> None:
        """Redeem the code, and do what impatient and hopeful shoppers do."""
        request = redeem_request(codes=[code], order=cart, customer=customer, request_id=uuid.uuid4().hex)
        first = self.redeem("Redeem", request)
        if first is None:
            return
        if random.random() < self.options.retry_share:
            again = self.redeem("Redeem: same request id", request)
            if again is not None and again.id != first.id:
                self.engine.wrong("Redeem: same request id", f"{again.id} instead of {first.id}")
        if random.random() < self.options.again_share:
            other = redeem_request(codes=[code], order=cart, customer=customer, request_id=uuid.uuid4().hex)
            self.redeem("Redeem: used code", other, expected=Reason.CODE_USES_EXHAUSTED)
        if random.random() < self.options.rollback_share:
            undo = RollbackRequest(redemption_id=first.id, reason="changed my mind", request_id=uuid.uuid4().hex)
            rollback = self.engine.call("Rollback", self.engine.redemption.Rollback, undo)
            if rollback is not None and rollback.returned_discount_amount != first.order.total_discount_amount:
                self.engine.wrong("Rollback", f"{first.id} returned another discount than it took")

    def redeem(self, name: str, request: RedeemRequest, *, expected: Reason | None = None) -> Redemption | None:
        """Redeem and return the redemption, if there is one."""
        answer: Redemption | None = self.engine.call(name, self.engine.redemption.Redeem, request, expected=expected)
        return answer


def basket() -> Order:
    """Return an order of one to five lines."""
    lines = [
        item(product, price=price, quantity=random.randint(1, 6))
        for product, price in random.sample(PRODUCTS, k=random.randint(1, 5))
    ]
    return order("GBP", lines, source_id=uuid.uuid4().hex)
