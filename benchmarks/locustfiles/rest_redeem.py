"""Shoppers and mailings over the REST adapter: of a hundred calls 70 validate, 20 redeem, 9 publish and 1 rolls back.

`scripts/load rest` runs it. By hand, with the key that the server has printed:

    locust -f benchmarks/locustfiles/rest_redeem.py --headless \
        --host http://127.0.0.1:50680 --key ID:TOKEN --users 32 --spawn-rate 32 --run-time 30s

The campaign of the run is made over gRPC (--grpc), unless --campaign names one.
What counts as a success is as in grpc_redeem.py.
"""

from __future__ import annotations

import random
from typing import Any, Final

import grpc.experimental.gevent
import summary  # noqa: F401  listens for the end of the run
from locust import between, task
from locust.contrib.fasthttp import FastHttpUser
from shopping import PUBLISH, REDEEM, ROLLBACK, VALIDATE, Coupon, Wallet, basket, customer_id, options_of

# The campaign is made over gRPC, whose threads would stop the loop of locust.
grpc.experimental.gevent.init_gevent()

BAD_REQUEST: Final = 400
USED_UP: Final = "quantity_exceeded"

Document = dict[str, Any]


class Shopper(FastHttpUser):
    """Looks what codes do to a cart, uses them, gets new ones, and sometimes changes their mind."""

    host = "http://127.0.0.1:50680"
    wait_time = between(0.0, 0.02)

    def on_start(self) -> None:
        """Get a first code."""
        self.options = options_of(self.environment)
        key_id, _, token = self.options.key.partition(":")
        self.headers = {"X-App-Id": key_id, "X-App-Token": token}
        self.wallet = Wallet()
        self.publish()

    def post(self, name: str, path: str, body: Document, *, refused: str = "") -> Document | None:
        """Return the answer, or None when the call was refused; `refused` is the key of the refusal to expect."""
        with self.client.post(path, name=name, json=body, headers=self.headers, catch_response=True) as response:
            answer = response.json() if response.text else {}
            if refused:
                if response.status_code == BAD_REQUEST and answer.get("key") == refused:
                    response.success()
                else:
                    response.failure(f"{refused} expected, not {response.status_code} {answer.get('key')}")
                return None
            if not response.ok:
                response.failure(f"{response.status_code} {answer.get('key')}: {answer.get('details')}")
                return None
            return dict(answer)

    @task(PUBLISH)
    def publish(self) -> None:
        """Get a code."""
        customer = customer_id()
        body = {
            "campaign": {"name": self.options.campaign},
            "customer": {"source_id": customer},
            "source_id": f"mail-{customer}",
        }
        answer = self.post("Publish", "/v1/publications", body)
        if answer is not None:
            self.wallet.coupons.append(Coupon(answer["voucher"]["code"], customer))

    @task(VALIDATE)
    def validate(self) -> None:
        """Look what a code does to a cart."""
        coupon = self.wallet.pick()
        if coupon is None:
            return
        with self.client.post(
            "/v1/validations",
            name="Validate",
            json=order_of(coupon),
            headers=self.headers,
            catch_response=True,
        ) as response:
            if not response.ok:
                response.failure(f"{response.status_code} {response.text}")
            elif not response.json()["valid"]:
                response.failure(f"{coupon.code} has {coupon.uses_left} uses left and is not valid")

    @task(REDEEM)
    def redeem(self) -> None:
        """Use a code, and sometimes try a used one again."""
        coupon = self.wallet.pick()
        if coupon is None:
            return
        answer = self.post("Redeem", "/v1/redemptions", order_of(coupon))
        if answer is None:
            return
        [redemption] = answer["redemptions"]
        used_up = self.wallet.used(coupon, redemption["id"], redemption["order"]["total_discount_amount"])
        if used_up and random.random() < self.options.again_share:
            self.post("Redeem: used code", "/v1/redemptions", order_of(coupon), refused=USED_UP)

    @task(ROLLBACK)
    def change_mind(self) -> None:
        """Roll a redemption back."""
        if not self.wallet.redeemed:
            return
        redemption_id, coupon, _ = self.wallet.redeemed.popleft()
        body = {"reason": "changed my mind"}
        if self.post("Rollback", f"/v1/redemptions/{redemption_id}/rollback", body) is not None:
            self.wallet.given_back(coupon)


def order_of(coupon: Coupon) -> Document:
    """Return the body of a validation or a redemption of a coupon on a basket."""
    cart = basket()
    return {
        "redeemables": [{"object": "voucher", "id": coupon.code}],
        "customer": {"source_id": coupon.customer},
        "order": {
            "source_id": cart.source_id,
            "amount": cart.amount,
            "items": [
                {"product_id": line.product_id, "quantity": line.quantity, "price": line.price} for line in cart.items
            ],
        },
    }
