"""What validations and redemptions share: redeemables in, results of each out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from promo.client import Order, Reason
from promo.v1.redeemable_pb2 import RedeemableResult, RedeemableStatus
from promo_adapters.base.problems import Problem, Refused
from promo_adapters.rest import models
from promo_adapters.rest.mapping.discounts import discount_object, falls_on_order
from promo_adapters.rest.mapping.orders import order_object, totals

STACKING_RULES: Final = {
    "redeemables_limit": 30,
    "applicable_redeemables_limit": 30,
    "applicable_redeemables_per_category_limit": 30,
    "applicable_redeemables_category_limits": {},
    "applicable_exclusive_redeemables_limit": 30,
    "applicable_exclusive_redeemables_per_category_limit": 30,
    "exclusive_categories": [],
    "joint_categories": [],
    "redeemables_application_mode": "ALL",
    "redeemables_sorting_rule": "REQUESTED_ORDER",
    "redeemables_products_application_mode": "STACK",
    "redeemables_no_effect_rule": "REDEEM_ANYWAY",
    "no_effect_skip_categories": [],
    "no_effect_redeem_anyway_categories": [],
    "redeemables_rollback_order_mode": "WITH_ORDER",
}
"""How the engine treats several codes; nothing of it can be changed yet."""

_NOTHING: Final[dict[str, object]] = {"data": [], "total": 0, "data_ref": "data", "object": "list"}


def codes_of(redeemables: Sequence[models.Redeemable]) -> list[str]:
    """Return the codes that a request wants to use. Raises Problem for anything that is no code."""
    for at, redeemable in enumerate(redeemables):
        if redeemable.object != "voucher":
            raise Problem(
                400,
                "invalid_redeemables",
                f"Property .redeemables[{at}].object is {redeemable.object}; only voucher is known here",
            )
        if redeemable.gift is not None or redeemable.reward is not None:
            raise Problem(
                400, "invalid_redeemables", f"Property .redeemables[{at}]: gifts and rewards are unknown here"
            )
    codes = [redeemable.id for redeemable in redeemables]
    if not codes:
        raise Problem(400, "invalid_payload", "Property .redeemables should not be empty")
    if len(set(codes)) < len(codes):
        raise Problem(400, "duplicated_redeemables", "Duplicated redeemables detected in one redemption")
    return codes


def applied(results: Sequence[RedeemableResult], order: Order, customer: str) -> Iterator[dict[str, object]]:
    """Yield the order after each redeemable in turn.

    The engine tells the lines of the final order only; in between there are sums.
    """
    if len(results) == 1:
        yield order_object(order, customer)
        return
    items_discount = order_discount = 0
    for result in results:
        amount, on_order = result.applied_discount_amount, falls_on_order(result.discount)
        order_discount += amount if on_order else 0
        items_discount += 0 if on_order else amount
        yield {
            **totals(order.amount, items_discount, order_discount),
            "items_applied_discount_amount": 0 if on_order else amount,
            "applied_discount_amount": amount if on_order else 0,
            "total_applied_discount_amount": amount,
            "customer_id": customer or None,
            "referrer_id": None,
            "object": "order",
        }


def redeemable_object(result: RedeemableResult, order: dict[str, object], request_id: str) -> dict[str, object]:
    """Return what a validation says of one redeemable."""
    answer: dict[str, object] = {"id": result.code, "object": "voucher"}
    if result.status == RedeemableStatus.REDEEMABLE_STATUS_APPLICABLE:
        return {
            "status": "APPLICABLE",
            **answer,
            "order": order,
            "applicable_to": _NOTHING,
            "inapplicable_to": _NOTHING,
            "result": {"discount": discount_object(result.discount)},
            "metadata": {},
            "categories": [],
        }
    if result.status == RedeemableStatus.REDEEMABLE_STATUS_SKIPPED:
        return {"status": "SKIPPED", **answer, "result": _skipped()}
    return {"status": "INAPPLICABLE", **answer, "result": {"error": _refusal(result).body(request_id)}}


def refused_code(code: str, message: str, reason: Reason) -> RedeemableResult:
    """Return the result of a code that the engine would not even look at."""
    result = RedeemableResult(code=code, status=RedeemableStatus.REDEEMABLE_STATUS_INAPPLICABLE)
    # Numbers are those of the contract; the enum of the client is made from it.
    result.refusal.reason = reason.value  # type: ignore[assignment]
    result.refusal.message = message
    result.refusal.metadata["code"] = code
    return result


def skipped_code(code: str) -> RedeemableResult:
    """Return the result of a code behind one that was refused."""
    return RedeemableResult(code=code, status=RedeemableStatus.REDEEMABLE_STATUS_SKIPPED)


def _refusal(result: RedeemableResult) -> Refused:
    number = int(result.refusal.reason)
    # A newer engine may have reasons that this version has not; they are refusals all the same.
    reason = Reason(number) if number in Reason.__members__.values() else Reason.FIELD_INVALID
    return Refused(reason, result.refusal.message, dict(result.refusal.metadata))


def _skipped() -> dict[str, object]:
    detail = Reason.PRECEDING_VALIDATION_FAILED.detail
    return {"details": {"key": detail.rest_key, "message": detail.message}}
