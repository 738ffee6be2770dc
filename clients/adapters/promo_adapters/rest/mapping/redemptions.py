"""Redemptions and rollbacks.

A redemption of one code is one object; of several codes it is a parent with a
child for each. The engine's id is that of the one, or of the parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from promo.client import Campaign, Customer
from promo.v1.redeemable_pb2 import RedeemableResult
from promo.v1.redemption_pb2 import Redemption, Rollback
from promo.v1.voucher_pb2 import Voucher
from promo_adapters.base import metadata
from promo_adapters.base.problems import Problem
from promo_adapters.rest import models
from promo_adapters.rest.mapping.customers import customer_object, to_customer
from promo_adapters.rest.mapping.orders import order_object
from promo_adapters.rest.mapping.uses import applied
from promo_adapters.rest.mapping.values import instant, tracking_id
from promo_adapters.rest.mapping.vouchers import voucher_object

Campaigns = Mapping[str, Campaign]
"""Those campaigns, by id, that could be asked for."""

_SINGLE_ONLY: Final = "You can rollback only a single redemption. Use different endpoint for stacked redemption."
_PARENT_ONLY: Final = "You can rollback only a redemption that does not have parent redemption."


def redemption_answer(
    redemption: Redemption,
    profile: Customer | None,
    given_tracking_id: str | None,
    key_id: str,
    campaigns: Campaigns,
) -> dict[str, object]:
    """Return what POST /v1/redemptions answers."""
    order = order_object(redemption.order, redemption.customer, "PAID")
    common: dict[str, object] = {
        "object": "redemption",
        "date": instant(redemption.redeem_time),
        "customer_id": redemption.customer or None,
        "tracking_id": tracking_id(given_tracking_id or redemption.customer),
        "metadata": metadata.unpack(redemption.metadata),
        "result": "SUCCESS",
        "status": "SUCCEEDED",
        "channel": _channel(key_id),
        "customer": customer_object(redemption.customer, profile),
    }
    stacked = len(redemption.results) > 1
    orders = applied(redemption.results, redemption.order, redemption.customer)
    children = [
        {
            "id": result.redemption_id if stacked else redemption.id,
            **common,
            **({"redemption": redemption.id} if stacked else {}),
            "order": {**child_order, "status": "PAID"},
            **_related(result, campaigns),
        }
        for result, child_order in zip(redemption.results, orders, strict=True)
    ]
    answer: dict[str, object] = {"redemptions": children}
    if stacked:
        answer["parent_redemption"] = {
            "id": redemption.id,
            **common,
            "order": order,
            "related_object_type": "redemption",
            "related_object_id": redemption.id,
        }
    return {
        **answer,
        "order": {**order, "redemptions": _on_order(redemption, stacked=stacked)},
        "inapplicable_redeemables": [],
        "skipped_redeemables": [],
    }


def _on_order(redemption: Redemption, *, stacked: bool) -> dict[str, object]:
    date = instant(redemption.redeem_time)
    if stacked:
        children = [result.redemption_id for result in redemption.results]
        about = {"related_object_type": "redemption", "related_object_id": redemption.id, "stacked": children}
        return {redemption.id: {"date": date, **about}}
    result = redemption.results[0]
    return {
        redemption.id: {
            "date": date,
            "related_object_type": "voucher",
            "related_object_id": result.voucher_id,
            "related_object_parent_id": result.campaign_id,
        },
    }


def parent_id(redemption_id: str) -> str:
    """Return the engine's id of the redemption that an id, maybe that of a child, belongs to."""
    return redemption_id.partition(".")[0]


def check_rollback(redemption: Redemption, asked_id: str, given: models.Rollback, *, stack: bool) -> None:
    """Refuse a rollback that is not one of this redemption. Raises Problem.

    `stack` tells the endpoint of stacks from that of single redemptions.
    """
    stacked = len(redemption.results) > 1
    if stacked and asked_id != redemption.id:
        raise Problem(400, "invalid_redemption_parent", _PARENT_ONLY)
    if stacked and not stack:
        raise Problem(400, "invalid_redemption", _SINGLE_ONLY)
    customer = to_customer(given.customer)
    if customer is not None and customer.source_id != redemption.customer:
        raise Problem(400, "invalid_customer", "Customer is not related with redemption.")
    order_id = given.order and (given.order.source_id or given.order.id)
    if order_id and order_id != redemption.order.source_id:
        raise Problem(400, "invalid_order", "Order is not related with redemption.")


def rollback_answer(
    redemption: Redemption,
    rollback: Rollback,
    given: models.Rollback,
    key_id: str,
    campaigns: Campaigns,
) -> dict[str, object]:
    """Return what POST /v1/redemptions/{id}/rollback answers: the rollback of the one code."""
    return _rollback(redemption, rollback, redemption.results[0], given, key_id, campaigns, rollback.id, redemption.id)


def rollbacks_answer(
    redemption: Redemption,
    rollback: Rollback,
    given: models.Rollback,
    key_id: str,
    campaigns: Campaigns,
) -> dict[str, object]:
    """Return what POST /v1/redemptions/{id}/rollbacks answers."""
    order = _cancelled_order(redemption)
    if len(redemption.results) == 1:
        return {"rollbacks": [rollback_answer(redemption, rollback, given, key_id, campaigns)], "order": order}
    undone = set(rollback.rolled_back_ids)
    children = [
        _rollback(
            redemption,
            rollback,
            result,
            given,
            key_id,
            campaigns,
            rollback.id + result.redemption_id.removeprefix(redemption.id),
            result.redemption_id,
        )
        for result in redemption.results
        if result.redemption_id in undone
    ]
    parent = {
        **_rollback_common(redemption, rollback.id, rollback.rollback_time, given, key_id),
        "redemption": redemption.id,
        "related_object_type": "redemption",
        "related_object_id": redemption.id,
    }
    return {"rollbacks": children, "parent_rollback": parent, "order": order}


def _rollback(
    redemption: Redemption,
    rollback: Rollback,
    result: RedeemableResult,
    given: models.Rollback,
    key_id: str,
    campaigns: Campaigns,
    rollback_id: str,
    redemption_id: str,
) -> dict[str, object]:
    return {
        **_rollback_common(redemption, rollback_id, rollback.rollback_time, given, key_id),
        "redemption": redemption_id,
        **_related(result, campaigns),
    }


def _rollback_common(
    redemption: Redemption,
    rollback_id: str,
    moment: Timestamp,
    given: models.Rollback,
    key_id: str,
) -> dict[str, object]:
    return {
        "id": rollback_id,
        "object": "redemption_rollback",
        "date": instant(moment),
        "customer_id": redemption.customer or None,
        "tracking_id": tracking_id(given.tracking_id or redemption.customer),
        "metadata": metadata.unpack(redemption.metadata),
        "reason": given.reason,
        "result": "SUCCESS",
        "status": "SUCCEEDED",
        "order": _cancelled_order(redemption),
        "channel": _channel(key_id),
        "customer": customer_object(redemption.customer),
    }


def _cancelled_order(redemption: Redemption) -> dict[str, object]:
    return order_object(redemption.order, redemption.customer, "CANCELED")


def _related(result: RedeemableResult, campaigns: Campaigns) -> dict[str, object]:
    return {
        "related_object_type": "voucher",
        "related_object_id": result.voucher_id,
        "voucher": _voucher(result, campaigns.get(result.campaign_id)),
    }


def _voucher(result: RedeemableResult, campaign: Campaign | None) -> dict[str, object]:
    """Return the voucher without its counters, which nobody has asked for and which others change."""
    described = voucher_object(
        Voucher(
            id=result.voucher_id,
            code=result.code,
            campaign_id=result.campaign_id,
            campaign=campaign.name if campaign is not None else "",
            enabled=True,
        ),
        # The redemption knows what the code gave, whatever the campaign gives by now.
        Campaign(
            discount=result.discount,
            validity=campaign.validity if campaign is not None else None,
            create_time=campaign.create_time if campaign is not None else None,
        ),
    )
    kept = ("id", "code", "campaign", "campaign_id", "type", "discount", "gift", "loyalty_card", "start_date", "object")
    return {name: described[name] for name in kept} | {"campaign": campaign.name if campaign is not None else None}


def _channel(key_id: str) -> dict[str, object]:
    return {"channel_id": key_id, "channel_type": "API"}
