"""What the shoppers of every locustfile have in common: options, the campaign of the run, wallets and baskets."""

from __future__ import annotations

import argparse
import dataclasses
import random
import uuid
from collections import deque
from typing import Final

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import WorkerRunner

from promo.client import Campaign, Limits, Order, SyncPromoClient, item, order, percent_off

VALIDATE, REDEEM, PUBLISH, ROLLBACK = 70, 20, 9, 1
"""The mix: what of a hundred calls are. Most shoppers look; few change their minds."""

USES_OF_A_CODE: Final = 3
"""More redemptions than publications need codes that can be used again."""
CODE_COUNT: Final = 10_000_000
PRODUCTS: Final = [(f"sku-{number:03}", 99 + 137 * number % 4_900) for number in range(200)]


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    """Add the options of shoppers to locust's."""
    group = parser.add_argument_group("promo")
    for name, default, text in (
        ("key", "", "API key, id:token"),
        ("campaign", "", "id or name of an existing campaign; a new one is made when absent"),
        ("grpc", "127.0.0.1:50600", "where the campaign of the run is made"),
    ):
        group.add_argument(f"--{name}", default=default, env_var=f"PROMO_LOCUST_{name.upper()}", help=text)
    for name, default, text in (
        ("retry-share", 0.05, "redemptions sent twice"),
        ("again-share", 0.05, "used codes that are tried once more"),
        ("guess-share", 0.0, "codes that do not exist; the guard against guessing notices many"),
    ):
        variable = "PROMO_LOCUST_" + name.upper().replace("-", "_")
        group.add_argument(f"--{name}", type=float, default=default, env_var=variable, help=text)


@events.test_start.add_listener
def make_campaign(environment: Environment, **_: object) -> None:
    """Make the campaign of the run, once, and tell every worker its name."""
    options = options_of(environment)
    if options.campaign or isinstance(environment.runner, WorkerRunner):
        return
    options.campaign = f"locust-{uuid.uuid4().hex[:12]}"
    campaign = Campaign(
        name=options.campaign,
        currency_code="GBP",
        discount=percent_off(20, limit=100_00),
        limits=Limits(per_code=USES_OF_A_CODE),
        code_count=CODE_COUNT,
    )
    with SyncPromoClient.connect(options.grpc, key=options.key) as client:
        client.campaigns.create(campaign)


def options_of(environment: Environment) -> argparse.Namespace:
    """Return the options of the run, the key among them."""
    options = environment.parsed_options
    if options is None or not options.key:
        raise SystemExit("give --key ID:TOKEN or PROMO_LOCUST_KEY")
    return options


@dataclasses.dataclass(slots=True)
class Coupon:
    """A code in somebody's hands."""

    code: str
    customer: str
    uses_left: int = USES_OF_A_CODE


class Wallet:
    """The codes of one shopper, and what was redeemed with them."""

    def __init__(self) -> None:
        self.coupons: deque[Coupon] = deque(maxlen=100)
        self.redeemed: deque[tuple[str, Coupon, int]] = deque(maxlen=20)
        """Redemption, coupon and discount, for those who change their minds."""

    def pick(self) -> Coupon | None:
        """Return any coupon."""
        return random.choice(self.coupons) if self.coupons else None

    def used(self, coupon: Coupon, redemption_id: str, discount: int) -> bool:
        """Note a redemption, and return whether the coupon is used up."""
        coupon.uses_left -= 1
        self.redeemed.append((redemption_id, coupon, discount))
        if coupon.uses_left == 0:
            self.coupons.remove(coupon)
        return coupon.uses_left == 0

    def given_back(self, coupon: Coupon) -> None:
        """Note a rollback."""
        coupon.uses_left += 1
        if coupon not in self.coupons:
            self.coupons.append(coupon)


class UnexpectedAnswerError(Exception):
    """The engine answered something else than it must."""


def customer_id() -> str:
    """Return a customer that nobody else is."""
    return f"customer-{uuid.uuid4().hex[:16]}"


def basket() -> Order:
    """Return an order of one to five lines."""
    lines = [
        item(product, price=price, quantity=random.randint(1, 6))
        for product, price in random.sample(PRODUCTS, k=random.randint(1, 5))
    ]
    return order("GBP", lines, source_id=uuid.uuid4().hex)
