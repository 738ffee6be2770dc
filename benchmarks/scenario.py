"""What every contestant is asked to do, read from scenarios/*.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from promo.v1 import customer_pb2, order_pb2, redeemable_pb2, redemption_service_pb2

SCENARIOS = Path(__file__).parent / "scenarios"


@dataclass(frozen=True)
class Item:
    """One line of the order; the price is in minor units."""

    product_id: str
    quantity: int
    price: int


@dataclass(frozen=True)
class Limits:
    """What each use is checked against; the budget is in minor units."""

    per_code: int
    per_customer: int
    per_campaign: int
    discount_budget: int


@dataclass(frozen=True)
class Scenario:
    """A campaign, and the order on which each of its codes is redeemed."""

    currency: str
    basis_points: int
    amount_limit: int
    limits: Limits
    items: tuple[Item, ...]

    @classmethod
    def load(cls, name: str) -> Self:
        """Reads one scenario."""
        table = tomllib.loads((SCENARIOS / f"{name}.toml").read_text())
        return cls(
            currency=table["currency"],
            basis_points=table["basis_points"],
            amount_limit=table["amount_limit"],
            limits=Limits(**table["limits"]),
            items=tuple(Item(**item) for item in table["items"]),
        )

    def redeem_request(
        self, code: str, customer: str, order: str, request_id: str
    ) -> redemption_service_pb2.RedeemRequest:
        """The request that uses one code."""
        return redemption_service_pb2.RedeemRequest(
            redeemables=[redeemable_pb2.Redeemable(code=code)],
            customer=customer_pb2.Customer(source_id=customer),
            order=order_pb2.Order(
                source_id=order,
                currency_code=self.currency,
                items=[
                    order_pb2.OrderItem(product_id=item.product_id, quantity=item.quantity, price=item.price)
                    for item in self.items
                ],
            ),
            request_id=request_id,
        )
