"""Vouchers. What a voucher has of its campaign is told as long as the campaign can be asked for."""

from __future__ import annotations

from typing import Final

from promo.client import Campaign
from promo.v1.validity_pb2 import Validity, ValidityHours
from promo.v1.voucher_pb2 import Voucher
from promo_adapters.base import metadata
from promo_adapters.rest.mapping.discounts import discount_object
from promo_adapters.rest.mapping.values import instant, iso_duration

_DAYS_A_WEEK: Final = 7


def voucher_object(voucher: Voucher, campaign: Campaign | None) -> dict[str, object]:
    """Return a voucher; an id that nobody knows is null. No `url` is told, since nothing serves its lists."""
    return {
        "id": voucher.id or None,
        "code": voucher.code,
        "campaign": voucher.campaign,
        "campaign_id": voucher.campaign_id,
        "category": None,
        "category_id": None,
        "categories": [],
        "type": "DISCOUNT_VOUCHER",
        "discount": _discount(voucher, campaign),
        "gift": None,
        "loyalty_card": None,
        **_validity(campaign.validity if campaign is not None else Validity()),
        **({"start_date": instant(voucher.start_time)} if voucher.HasField("start_time") else {}),
        "expiration_date": instant(voucher.expire_time) if voucher.HasField("expire_time") else None,
        "active": voucher.enabled,
        "additional_info": None,
        "metadata": metadata.unpack(voucher.metadata),
        "assets": {"qr": {}, "barcode": {}},
        "is_referral_code": False,
        "created_at": instant(campaign.create_time) if campaign is not None else None,
        "updated_at": instant(voucher.update_time) if voucher.HasField("update_time") else None,
        "holder_id": voucher.holder or None,
        "redemption": {
            "quantity": voucher.redemption_limit or None,
            "redeemed_quantity": voucher.redeemed_count,
            "object": "list",
        },
        "publish": {
            "object": "list",
            "count": 1 if voucher.holder else 0,
        },
        "object": "voucher",
    }


def _discount(voucher: Voucher, campaign: Campaign | None) -> dict[str, object] | None:
    """Return what the code gives; a voucher that was not read has no discount of its own."""
    if voucher.HasField("discount"):
        return discount_object(voucher.discount)
    return discount_object(campaign.discount) if campaign is not None else None


def _validity(validity: Validity) -> dict[str, object]:
    answer: dict[str, object] = {
        "start_date": instant(validity.start_time) if validity.HasField("start_time") else None,
        "validity_timeframe": (
            {
                "interval": iso_duration(validity.timeframe.interval),
                "duration": iso_duration(validity.timeframe.duration),
            }
            if validity.HasField("timeframe")
            else None
        ),
        "validity_day_of_week": [_day(day) for day in validity.days_of_week] or None,
    }
    if validity.hours:
        answer["validity_hours"] = {"daily": [_hours(hours) for hours in validity.hours]}
    if validity.HasField("activity_after_publishing"):
        answer["activity_duration_after_publishing"] = iso_duration(validity.activity_after_publishing)
    return answer


def _hours(hours: ValidityHours) -> dict[str, object]:
    return {
        "start_time": _time_of_day(hours.start_minute),
        "expiration_time": _time_of_day(hours.end_minute),
        # Without days the engine means every day.
        "days_of_week": [_day(day) for day in hours.days_of_week] or list(range(_DAYS_A_WEEK)),
    }


def _time_of_day(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _day(day: int) -> int:
    """Return Sunday as 0; the engine has the ISO number, 7."""
    return day % _DAYS_A_WEEK
