"""`promo validate`, `promo redeem`: what codes do to an order, and their use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter

from promo.client.build import Mode
from promo.v1.order_pb2 import Order
from promo.v1.reason_pb2 import Reason
from promo.v1.redeemable_pb2 import RedeemableResult, RedeemableStatus
from promo.v1.redemption_pb2 import Redemption
from promo.v1.validation_service_pb2 import Validation
from promo_server.cli import campaign_text, money
from promo_server.cli.documents import to_document, word
from promo_server.cli.field_options import Sets
from promo_server.cli.options import (
    Metadata,
    RequestId,
    ServerOptions,
    SettingsOptions,
    ValidateOnly,
    call,
    parse_metadata,
)
from promo_server.cli.order_options import OrderOptions
from promo_server.cli.output import Json, print_json, print_line, print_table, spell_time

Code = Annotated[str, Sets("redeemables")]
Customer = Annotated[str, Sets("customer.source_id"), Parameter(help="The shop's own id of the customer.")]
WhichMode = Annotated[Mode, Parameter(help="Whether every code must apply, or those that do are used.")]


def validate(  # noqa: PLR0913 - one parameter for each option
    code: Code,
    /,
    *codes: Code,
    order: OrderOptions = OrderOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    customer: Customer = "",
    mode: WhichMode = "all",
    hold: Annotated[timedelta | None, Sets("session.ttl")] = None,
    request_id: RequestId = "",
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> int:
    """Price an order with codes; return 1 when they cannot be used on it.

    Parameters
    ----------
    code
        As a person would type it.
    codes
        More of them, used in this order.
    hold
        Keep what applies for this customer for so long: 15m, 1h.

    """
    wanted = order.build()
    validation = call(
        settings,
        server,
        lambda client: client.validate(
            codes=(code, *codes),
            order=wanted,
            customer=customer or None,
            mode=mode,
            session=hold,
            request_id=request_id,
        ),
    )
    if json:
        print_json(to_document(validation))
    else:
        _show_validation(validation)
    return 0 if validation.valid else 1


def redeem(  # noqa: PLR0913 - one parameter for each option
    code: Code,
    /,
    *codes: Code,
    order: OrderOptions = OrderOptions(),  # noqa: B008
    customer: Customer = "",
    mode: WhichMode = "all",
    session: Annotated[str, Sets("session_key")] = "",
    metadata: Metadata = (),
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Use codes on an order.

    Parameters
    ----------
    code
        As a person would type it.
    codes
        More of them, used in this order.
    session
        Key of the hold to use, which `promo validate --hold` showed.

    """
    wanted = order.build()
    redemption = call(
        settings,
        server,
        lambda client: client.redeem(
            codes=(code, *codes),
            order=wanted,
            customer=customer or None,
            mode=mode,
            session_key=session,
            request_id=request_id,
            metadata=parse_metadata(metadata),
            validate_only=validate_only,
        ),
    )
    if json:
        print_json(to_document(redemption))
    else:
        _show_redemption(redemption)


def show_results(results: Sequence[RedeemableResult], currency: str) -> None:
    """Print what became of each code."""
    rows = [
        (
            result.code,
            word(RedeemableStatus.DESCRIPTOR, result.status),
            campaign_text.gives(result.discount, _own_currency(result, currency)),
            money.spell(result.applied_discount_amount, currency) if result.applied_discount_amount else "",
            _why(result),
        )
        for result in results
    ]
    print_table(("code", "result", "gives", "discount", "why not"), rows)


def _own_currency(result: RedeemableResult, currency: str) -> str:
    """Return the currency of a discount: the campaign's, which a refusal names where it is not the order's."""
    if result.refusal.reason == Reason.REASON_CURRENCY_MISMATCH:
        return result.refusal.metadata["expected"]
    return currency


def spell_totals(order: Order) -> str:
    """Return what an order comes to: `30.00 GBP - 6.00 GBP = 24.00 GBP`."""
    amounts = (order.amount, order.total_discount_amount, order.total_amount)
    amount, discount, total = (money.spell(value, order.currency_code) for value in amounts)
    return f"{amount} - {discount} = {total}"


def _show_validation(validation: Validation) -> None:
    show_results(validation.results, validation.order.currency_code)
    if not validation.valid:
        print_line("\nNot valid: the codes cannot be used on this order.")
        return
    print_line(f"\nValid: {spell_totals(validation.order)}. Nothing was used.")
    if validation.HasField("session"):
        hold = validation.session
        print_line(f"Held until {spell_time(hold.expire_time)}; use it with: promo redeem ... --session {hold.key}")


def _show_redemption(redemption: Redemption) -> None:
    show_results(redemption.results, redemption.order.currency_code)
    totals = spell_totals(redemption.order)
    if redemption.id:
        print_line(f"\nRedeemed {redemption.id}: {totals}. Undo it with: promo rollback {redemption.id}")
    else:
        print_line(f"\nCan be redeemed: {totals}. Nothing was used.")


def _why(result: RedeemableResult) -> str:
    if not result.HasField("refusal"):
        return ""
    return f"{word(Reason.DESCRIPTOR, result.refusal.reason)}: {result.refusal.message}"
