"""What becomes of an event: a customer of ours, an object of Braze. Pure; it follows the vendor's own adapter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from promo.client import Customer
from promo_adapters.braze.objects import BrazeObject, ObjectKind
from promo_adapters.punchh.models import Coupon, Event, Family, Reward, User
from promo_adapters.punchh.settings import PublishRule

_TEXT_CHARACTERS: Final = 255
"""What Braze takes in one string."""
_PROPERTIES_BYTES: Final = 50_000
_NAME_BYTES: Final = 256
_PHONE_BYTES: Final = 64
_LEFT_OUT: Final = frozenset({"user", "external_source", "external_source_id"})
"""Who the guest is stands in `external_id`, once."""
_PARTNER_FAMILIES: Final = frozenset({Family.COUPON, Family.COUPON_REDEMPTION})


def customer(user: User, external_id: str) -> Customer:
    """Return the guest as a customer."""
    name = " ".join(part for part in (user.first_name, user.last_name) if part)
    metadata = {
        "punchh_user_id": str(user.user_id),
        "punchh_user_status": user.user_status,
        "punchh_guest_type": user.guest_type,
    }
    return Customer(
        source_id=external_id,
        name=_clipped(name, _NAME_BYTES),
        email=_clipped(user.email or "", _NAME_BYTES),
        phone=_clipped(user.phone or "", _PHONE_BYTES),
        metadata={key: _clipped(value, _NAME_BYTES) for key, value in metadata.items() if value},
    )


def campaign_for(event: Event, rules: tuple[PublishRule, ...]) -> str | None:
    """Return the campaign of ours whose code the event brings; None when it brings none.

    Only what is new brings a code: an event about a reward that the guest has already does not.
    """
    payload = event.payload
    if event.envelope.action not in {None, "", "create"} or not isinstance(payload, (Reward, Coupon)):
        return None
    if isinstance(payload, Reward):
        family, campaign_id, redeemable_id = "rewards", payload.campaign_id, payload.redeemable_id
    else:
        family, campaign_id = "coupons", payload.coupon_campaign_id
        redeemable_id = (payload.redeemable or {}).get("redeemable_id")
    facts = {"campaign_id": campaign_id, "campaign_name": payload.campaign_name, "redeemable_id": redeemable_id}
    for rule in rules:
        wanted = {name: value for name in facts if (value := getattr(rule, name)) is not None}
        if rule.event == family and all(facts[name] == value for name, value in wanted.items()):
            return rule.campaign
    return None


def publication_metadata(event: Event) -> dict[str, str]:
    """Return what is kept with the publication."""
    payload = event.payload
    known: dict[str, object] = {"punchh_content_id": event.envelope.content_id, "punchh_user_id": payload.guest_id}
    if isinstance(payload, Reward):
        known |= {"punchh_reward_id": payload.reward_id, "punchh_campaign_name": payload.campaign_name}
    if isinstance(payload, Coupon):
        known |= {"punchh_coupon_id": payload.coupon_id, "punchh_campaign_name": payload.campaign_name}
    return {name: _clipped(str(value), _NAME_BYTES) for name, value in known.items() if value is not None}


def braze_object(
    event: Event,
    external_id: str,
    event_names: Mapping[str, str],
    published: Mapping[str, str] | None = None,
) -> BrazeObject:
    """Return what Braze hears of an event whose family is known.

    `published` has properties of ours: the code that the event has brought.
    """
    family = event.family
    if family is None:
        raise ValueError("an event of no known family is not passed on")
    if isinstance(event.payload, User):
        body = {"external_id": external_id, **attributes(event.payload)}
        return BrazeObject(ObjectKind.ATTRIBUTES, msgspec.json.encode(body), partner=False)
    body = {
        "external_id": external_id,
        "name": event_names.get(family.value, family.value),
        "time": _time(event.envelope.timestamp_ms),
        "properties": {**properties(event), **(published or {})},
    }
    if len(encoded := msgspec.json.encode(body)) > _PROPERTIES_BYTES:
        # The lists of a receipt are what can be this long; the rest is worth more than nothing.
        body["properties"] = {name: value for name, value in body["properties"].items() if not isinstance(value, list)}
        encoded = msgspec.json.encode(body)
    return BrazeObject(ObjectKind.EVENTS, encoded, partner=family in _PARTNER_FAMILIES)


def attributes(user: User) -> dict[str, Any]:
    """Return a guest's attributes; what Punchh does not say is not sent, so nothing is erased at Braze."""
    balance = user.account_balance
    stores = user.favourite_store_numbers
    values = {
        "punchh_user_id": user.user_id,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "phone": user.phone,
        "email_subscribe": _subscription(user.marketing_email_subscription),
        "push_subscribe": _subscription(user.marketing_pn_subscription),
        "sms_subscription": user.sms_subscription,
        "signup_channel": user.signup_channel,
        "guest_type": user.guest_type,
        "user_status": user.user_status,
        "account_balance_net_balance": balance.net_balance if balance else None,
        "account_balance_total_point_credits": balance.total_point_credits if balance else None,
        "account_balance_current_membership_level_name": balance.current_membership_level_name if balance else None,
        "referral_code": user.referral_code,
        "favourite_store_numbers": ",".join(stores) if isinstance(stores, list) else stores,
        "date_of_first_session": user.joined_at,
        "time_zone": user.timezone,
    }
    return {name: _fit(value) for name, value in values.items() if value is not None}


def properties(event: Event) -> dict[str, Any]:
    """Return the payload as flat properties; lists of objects stay lists.

    `action` of the envelope is one of them, so that a campaign at Braze can tell what is new from what has changed.
    """
    found: dict[str, Any] = {}
    for name, value in event.envelope.payload.items():
        if name in _LEFT_OUT or value is None:
            continue
        if event.family is Family.COUPON and name == "redeemable" and isinstance(value, dict):
            found[name] = {key: value[key] for key in ("redeemable_id",) if value.get(key) is not None}
        elif isinstance(value, dict):
            found.update(_prefixed(name, value))
        elif name == "store_numbers" and isinstance(value, list):
            found[name] = _fit(",".join(map(str, value)))
        else:
            found[name] = _fit(value)
    if event.envelope.action:
        found["action"] = event.envelope.action
    return found


def _prefixed(prefix: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        (name if name.startswith(f"{prefix}_") else f"{prefix}_{name}"): _fit(inner)
        for name, inner in value.items()
        if inner is not None
    }


def _fit(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return the value with no string longer than Braze takes."""
    match value:
        case str():
            return value[:_TEXT_CHARACTERS]
        case list():
            return [_fit(inner) for inner in value]
        case dict():
            return {name: _fit(inner) for name, inner in value.items()}
        case _:
            return value


def _subscription(said: bool | None) -> str | None:  # noqa: FBT001 - a value, not a switch
    return None if said is None else "subscribed" if said else "unsubscribed"


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _clipped(text: str, most_bytes: int) -> str:
    """Return the text without NUL characters, cut where the engine's limit would refuse it."""
    return text.replace("\x00", "").encode()[:most_bytes].decode(errors="ignore")
