"""Shoppers over gRPC: of a hundred calls 70 validate, 20 redeem, 9 publish and 1 rolls back.

`scripts/load grpc` runs it. By hand, with the key that the server has printed:

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

import random
import threading
import time
import uuid
from collections.abc import Callable
from typing import Final, TypeVar

import grpc.experimental.gevent
import summary  # noqa: F401  listens for the end of the run
from google.protobuf.message import Message
from locust import User, between, task
from locust.env import Environment
from shopping import (
    PUBLISH,
    REDEEM,
    ROLLBACK,
    VALIDATE,
    Coupon,
    UnexpectedAnswerError,
    Wallet,
    basket,
    customer_id,
    options_of,
)

from promo.client import Order, PromoError, Reason, RetryPolicy, SyncPromoClient

# gRPC's own threads would stop the event loop that locust runs on.
grpc.experimental.gevent.init_gevent()

DEFAULT_HOST: Final = "127.0.0.1:50600"
DEADLINE_SECONDS: Final = 5.0

Answer = TypeVar("Answer", bound=Message)


class Connection:
    """The one client of this process, and a clock on every call of it."""

    _lock = threading.Lock()
    _shared: Connection | None = None

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.client = SyncPromoClient.connect(
            environment.host or DEFAULT_HOST,
            key=options_of(environment).key,
            timeout=DEADLINE_SECONDS,
            # A retry would hide what is measured.
            retry=RetryPolicy(attempts=1),
        )

    @classmethod
    def shared(cls, environment: Environment) -> Connection:
        """Return the connection that all users of this process have."""
        with cls._lock:
            if cls._shared is None:
                cls._shared = cls(environment)
            return cls._shared

    def timed(self, name: str, call: Callable[[], Answer], *, expected: Reason | None = None) -> Answer | None:
        """Return the answer, or None when the call was refused.

        It is a success when it was answered and no refusal is expected, or
        refused for the expected reason.
        """
        answer: Answer | None = None
        failure: Exception | None = None
        started = time.perf_counter()
        try:
            answer = call()
        except PromoError as error:
            failure = error
        elapsed = time.perf_counter() - started
        if expected is not None:
            reason = failure.reason if isinstance(failure, PromoError) else None
            failure = None if reason is expected else failure or UnexpectedAnswerError(f"{expected.name} expected")
        self.fire("grpc", name, elapsed, answer.ByteSize() if answer is not None else 0, failure)
        return answer

    def wrong(self, name: str, text: str) -> None:
        """Count an answer that contradicts an earlier one as a failure."""
        self.fire("check", name, 0.0, 0, UnexpectedAnswerError(text))

    def fire(self, kind: str, name: str, seconds: float, size: int, failure: Exception | None) -> None:
        """Tell locust how a call ended."""
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=seconds * 1_000,
            response_length=size,
            exception=failure,
            context={},
        )


class Shopper(User):
    """Looks what codes do to a cart, uses them, gets new ones, and sometimes changes their mind."""

    wait_time = between(0.0, 0.02)

    def on_start(self) -> None:
        """Connect, and get a first code."""
        self.options = options_of(self.environment)
        self.engine = Connection.shared(self.environment)
        self.client = self.engine.client
        self.wallet = Wallet()
        self.publish()

    @task(PUBLISH)
    def publish(self) -> None:
        """Get a code."""
        customer = customer_id()
        publication = self.engine.timed(
            "Publish",
            lambda: self.client.publish(
                campaign=self.options.campaign,
                customer=customer,
                source_id=f"mail-{customer}",
            ),
        )
        if publication is not None:
            self.wallet.coupons.append(Coupon(publication.codes[0], customer))

    @task(VALIDATE)
    def validate(self) -> None:
        """Look what a code does to a cart."""
        coupon = self.wallet.pick()
        if coupon is None:
            return
        validation = self.engine.timed(
            "Validate",
            lambda: self.client.validate(codes=[coupon.code], order=basket(), customer=coupon.customer),
        )
        if validation is not None and not validation.valid:
            self.engine.wrong("Validate", f"{coupon.code} has {coupon.uses_left} uses left and is not valid")

    @task(REDEEM)
    def redeem(self) -> None:
        """Use a code, and do what impatient and hopeful shoppers do."""
        coupon = self.wallet.pick()
        if coupon is None:
            return
        if random.random() < self.options.guess_share:
            self.pay("Redeem: unknown code", Coupon("NOSUCHCODE", coupon.customer), expected=Reason.CODE_NOT_FOUND)
        cart, request_id = basket(), uuid.uuid4().hex
        first = self.pay("Redeem", coupon, cart, request_id)
        if first is None:
            return
        redemption_id, discount = first
        if random.random() < self.options.retry_share:
            again = self.pay("Redeem: same request id", coupon, cart, request_id)
            if again is not None and again != first:
                self.engine.wrong("Redeem: same request id", f"{again} instead of {first}")
        used_up = self.wallet.used(coupon, redemption_id, discount)
        if used_up and random.random() < self.options.again_share:
            self.pay("Redeem: used code", coupon, expected=Reason.CODE_USES_EXHAUSTED)

    def pay(
        self,
        name: str,
        coupon: Coupon,
        cart: Order | None = None,
        request_id: str = "",
        *,
        expected: Reason | None = None,
    ) -> tuple[str, int] | None:
        """Redeem, and return the redemption and its discount, if there is one."""
        redemption = self.engine.timed(
            name,
            lambda: self.client.redeem(
                codes=[coupon.code],
                order=cart or basket(),
                customer=coupon.customer,
                request_id=request_id,
            ),
            expected=expected,
        )
        return None if redemption is None else (redemption.id, redemption.order.total_discount_amount)

    @task(ROLLBACK)
    def change_mind(self) -> None:
        """Roll a redemption back, and expect the discount that it took."""
        if not self.wallet.redeemed:
            return
        redemption_id, coupon, discount = self.wallet.redeemed.popleft()
        rollback = self.engine.timed(
            "Rollback",
            lambda: self.client.rollback(redemption_id, reason="changed my mind"),
        )
        if rollback is None:
            return
        self.wallet.given_back(coupon)
        if rollback.returned_discount_amount != discount:
            self.engine.wrong("Rollback", f"{redemption_id} returned another discount than it took")
