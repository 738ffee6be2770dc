"""A checkout: price the basket with a code, hold the code while the shopper pays, use it, or give it back.

    PROMO_KEY=id:token python checkout.py --customer 17850 --order 536365 CODE
    PROMO_KEY=id:token python checkout.py --customer 17850 --order 536365 --card declined CODE
    PROMO_KEY=id:token python checkout.py --customer 17850 --order 536365 --cancel CODE

It prints what the shopper reads; the exit status is 1 when no order was placed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from promo.client import Order, PromoError, Reason, SyncPromoClient, exceptions, item, order
from promo.v1.redemption_pb2 import Redemption

TIME_TO_PAY: Final = timedelta(minutes=10)

WORDS: Final[Mapping[Reason, str]] = {
    Reason.CODE_NOT_FOUND: "We do not know this code. Is it spelled as in the mail?",
    Reason.CODE_USES_EXHAUSTED: "This code has been used already.",
    Reason.CUSTOMER_LIMIT_REACHED: "You have used this offer already.",
    Reason.CAMPAIGN_LIMIT_REACHED: "Others were faster: this offer is used up.",
    Reason.BUDGET_EXHAUSTED: "Others were faster: this offer is used up.",
    Reason.PROMOTION_NOT_STARTED: "This offer has not begun yet.",
    Reason.PROMOTION_EXPIRED: "This offer is over.",
    Reason.CAMPAIGN_DISABLED: "This offer is over.",
    Reason.CODE_GUESSING: "That was too often wrong. Please try again later.",
}
"""What a shopper reads. The engine's own message is for logs."""


class Declined(Exception):  # noqa: N818  what the card company says
    """The shopper's card was declined."""


def checkout(
    client: SyncPromoClient,
    code: str,
    cart: Order,
    customer: str,
    pay: Callable[[int], None],
) -> Redemption:
    """Return the redemption of a paid order.

    Raises the exception of the reason for which the code does not work, and
    Declined when the order was not paid; then nothing is used or held.
    """
    # The hold makes the price a promise: nobody else can use the code, or the
    # last of a limit, while this shopper pays. It ends by itself after its time.
    validation = client.validate(codes=[code], order=cart, customer=customer, session=TIME_TO_PAY)
    if not validation.valid:
        # That the code does not work is an answer of `validate`, not an exception.
        raise Refused(Reason(validation.results[0].refusal.reason))
    hold = validation.session
    print(f"{code} takes {pounds(validation.order.total_discount_amount)} off")
    try:
        pay(validation.order.total_amount)
    except Declined:
        client.sessions.release(hold.key)
        raise
    # The same id for the same order: a second run of this program, after a
    # crash between here and the next line, gets the first run's redemption.
    return client.redeem(
        codes=[code],
        order=cart,
        customer=customer,
        session_key=hold.key,
        request_id=f"order-{cart.source_id}",
    )


class Refused(Exception):  # noqa: N818  a refusal is no error of the program
    """A code that does not work for this order."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.name)
        self.reason = reason


def words(reason: Reason | None) -> str:
    """Return what a shopper reads."""
    return WORDS.get(reason, "This code does not work for this order.") if reason else "Please try again."


def pounds(minor_units: int) -> str:
    """Return a sum as a shopper reads it."""
    return f"£{minor_units // 100}.{minor_units % 100:02}"


def main() -> int:
    """Run one checkout; the exit status is 1 when the order was not placed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("code")
    parser.add_argument("--target", default="127.0.0.1:50600")
    parser.add_argument("--customer", required=True)
    parser.add_argument("--order", required=True, help="the shop's own id of the order")
    parser.add_argument("--card", choices=["good", "declined"], default="good")
    parser.add_argument("--cancel", action="store_true", help="change one's mind after all")
    options = parser.parse_args()

    cart = order(
        "GBP",
        [item("84029E", price=3_39, quantity=6), item("22752", price=7_65, quantity=2)],
        source_id=options.order,
    )

    def pay(amount: int) -> None:
        if options.card == "declined":
            raise Declined
        print(f"paid {pounds(amount)}")

    with SyncPromoClient.connect(options.target, key=os.environ["PROMO_KEY"]) as client:
        try:
            redemption = checkout(client, options.code, cart, options.customer, pay)
        except Refused as refusal:
            print(words(refusal.reason))
            return 1
        except Declined:
            print("The card was declined; the code can be used again.")
            return 1
        except exceptions.UnavailableError as error:
            # Retried within the deadline already. Sell at full price, or ask the shopper to wait.
            print("Codes cannot be used right now.")
            print(f"{error} (call {error.call_id})", file=sys.stderr)
            return 1
        except PromoError as error:
            print(words(error.reason))
            print(f"{error} (call {error.call_id})", file=sys.stderr)
            return 1
        print(f"order {options.order} placed: {redemption.id}")
        if options.cancel:
            rollback = client.rollback(redemption.id, reason="cancelled", request_id=f"cancel-{options.order}")
            print(f"cancelled: {pounds(rollback.returned_discount_amount)} given back, the code can be used again")
    return 0


if __name__ == "__main__":
    sys.exit(main())
