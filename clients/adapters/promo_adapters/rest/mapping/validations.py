"""Validations: what codes would do."""

from __future__ import annotations

import secrets

from promo.client import PromoError, Reason
from promo.v1.validation_service_pb2 import Validation
from promo_adapters.rest import models
from promo_adapters.rest.mapping.orders import order_object
from promo_adapters.rest.mapping.sessions import session_object
from promo_adapters.rest.mapping.uses import (
    STACKING_RULES,
    applied,
    redeemable_object,
    refused_code,
    skipped_code,
)
from promo_adapters.rest.mapping.values import tracking_id


def validation_object(validation: Validation, given: models.Use, customer: str, request_id: str) -> dict[str, object]:
    """Return what a validation found."""
    orders = applied(validation.results, validation.order, customer)
    answer: dict[str, object] = {
        "id": f"valid_{secrets.token_hex(9)}",
        "valid": validation.valid,
        "redeemables": [
            redeemable_object(result, order, request_id)
            for result, order in zip(validation.results, orders, strict=True)
        ],
        "tracking_id": tracking_id(given.tracking_id or customer),
        "stacking_rules": STACKING_RULES,
    }
    if validation.valid:
        answer["order"] = order_object(validation.order, customer)
    if validation.HasField("session"):
        answer["session"] = session_object(validation.session, given.session)
    return answer


def unknown_code(codes: list[str], error: PromoError) -> Validation:
    """Return what a validation finds when the first code does not exist."""
    first = refused_code(codes[0], error.message, error.reason or Reason.CODE_NOT_FOUND)
    return Validation(valid=False, results=[first, *(skipped_code(code) for code in codes[1:])])
