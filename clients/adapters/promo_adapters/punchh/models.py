"""What Punchh sends, by family of event; a field of another type is refused, one that is new is let through."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Final, TypeAlias

import msgspec

Id: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Number: TypeAlias = int | float
Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=20_000)]
ExternalId: TypeAlias = Annotated[str, msgspec.Meta(max_length=256)]

_FIRST_MILLISECONDS: Final = 100_000_000_000
"""Below, a timestamp is in seconds: Punchh documents milliseconds and sends both."""


class Envelope(msgspec.Struct, frozen=True):
    """What every event has round its payload."""

    content_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    timestamp: Annotated[int, msgspec.Meta(gt=0, lt=10**14)]
    event_name: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    payload: dict[str, Any]
    business_id: Id | None = None
    business_uuid: Text | None = None
    business_slug: Text | None = None
    event_type: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    action: Annotated[str, msgspec.Meta(max_length=128)] | None = None

    @property
    def timestamp_ms(self) -> int:
        """When it happened, milliseconds since 1970 UTC."""
        return self.timestamp if self.timestamp >= _FIRST_MILLISECONDS else self.timestamp * 1000

    @property
    def key(self) -> str:
        """What a repeated delivery has in common with the first."""
        return f"{self.content_id}:{self.timestamp_ms}"


class Guest(msgspec.Struct, frozen=True):
    """The guest inside of a payload."""

    user_id: Id | None = None
    id: Id | None = None
    external_source_id: ExternalId | None = None


class Payload(msgspec.Struct, frozen=True):
    """What the payloads of all families may say about the guest."""

    user_id: Id | None = None
    external_source_id: ExternalId | None = None
    user: Guest | None = None

    @property
    def guest_id(self) -> int | None:
        """Punchh's id of the guest."""
        inner = self.user
        return self.user_id if self.user_id is not None or inner is None else inner.user_id or inner.id

    @property
    def external_id(self) -> str | None:
        """The guest's id outside of Punchh, if the payload says it."""
        return self.external_source_id or (self.user.external_source_id if self.user else None) or None


class AccountBalance(msgspec.Struct, frozen=True):
    """What a guest has."""

    net_balance: Number | None = None
    total_point_credits: Number | None = None
    current_membership_level_name: Text | None = None


class User(Payload, frozen=True, kw_only=True):
    """A guest has signed up or changed."""

    user_id: Id
    email: Text | None = None
    first_name: Text | None = None
    last_name: Text | None = None
    phone: Text | None = None
    birthday: Text | None = None
    signup_channel: Text | None = None
    guest_type: Text | None = None
    marketing_email_subscription: bool | None = None
    marketing_pn_subscription: bool | None = None
    sms_subscription: bool | None = None
    user_status: Text | None = None
    referral_code: Text | None = None
    favourite_store_numbers: Text | list[Text] | None = None
    joined_at: Text | None = None
    timezone: Text | None = None
    account_balance: AccountBalance | None = None


class Checkin(Payload, frozen=True, kw_only=True):
    """A purchase has earned something, or points were given."""

    user_id: Id
    checkin_id: Id | None = None
    approved: bool | None = None
    points_earned: Number | None = None
    status: Text | None = None
    gift_reason: Text | None = None
    menu_items: list[dict[str, Any]] | None = None


class RedemptionCode(msgspec.Struct, frozen=True):
    """How a redemption was used."""

    redemption_code_id: Id | None = None
    status: Text | None = None
    receipt_amount: Number | None = None
    redeemed_menu_items: list[dict[str, Any]] | None = None


class Redemption(Payload, frozen=True, kw_only=True):
    """A reward or points were redeemed."""

    redemption_id: Id
    redemption_type: Text | None = None
    redemption_status: Text | None = None
    redeemable_id: Id | None = None
    redeemable_name: Text | None = None
    redemption_code: RedemptionCode | None = None


class Reward(Payload, frozen=True, kw_only=True):
    """A reward was given."""

    reward_id: Id
    redeemable_id: Id | None = None
    name: Text | None = None
    campaign_id: Id | None = None
    campaign_name: Text | None = None
    status: Text | None = None
    expiring_at: Text | None = None
    gift_reason: Text | None = None
    store_numbers: list[Text | int] | Text | None = None


class Coupon(Payload, frozen=True, kw_only=True):
    """A coupon was issued."""

    coupon_id: Id
    code: Text | None = None
    coupon_type: Text | None = None
    coupon_campaign_id: Id | None = None
    campaign_name: Text | None = None
    status: Text | None = None
    expiry_at: Text | None = None
    redeemable: dict[str, Any] | None = None


class CouponRedemption(Payload, frozen=True, kw_only=True):
    """A coupon was used."""

    user_coupon_redemption_id: Id
    code: Text | None = None
    coupon_id: Id | None = None
    status: Text | None = None
    receipt_amount: Number | None = None
    processed_at: Text | None = None


class Notification(Payload, frozen=True, kw_only=True):
    """A check-in is pending, or a campaign has given something after one."""

    checkin_id: Id | None = None
    campaign_id: Id | None = None
    campaign_name: Text | None = None


class Family(enum.Enum):
    """The events that mean something to this adapter, by the name they have at Braze."""

    USER = "users"
    LOYALTY_CHECKIN = "checkins_loyalty"
    GIFT_CHECKIN = "checkins_gift"
    REDEMPTION = "redemptions"
    REWARD = "rewards"
    COUPON = "coupons"
    COUPON_REDEMPTION = "user_coupon_redemptions"
    PENDING_CHECKIN = "pending_checkin"
    POST_CHECKIN_GIFT = "post_checkin_campaign"


_BY_NAME: Final = {
    "users": Family.USER,
    "redemptions": Family.REDEMPTION,
    "rewards": Family.REWARD,
    "coupons": Family.COUPON,
    "user_coupon_redemptions": Family.COUPON_REDEMPTION,
}
_BY_NAME_AND_TYPE: Final = {
    ("checkins", "loyalty"): Family.LOYALTY_CHECKIN,
    ("checkins", "gift"): Family.GIFT_CHECKIN,
}
_BY_TYPE: Final = {
    # The vendor's pages print the names of these events cut off: only the type can be relied on.
    "pending_checkin": Family.PENDING_CHECKIN,
    "post_checkin_campaign": Family.POST_CHECKIN_GIFT,
}
_MODELS: Final[dict[Family, type[Payload]]] = {
    Family.USER: User,
    Family.LOYALTY_CHECKIN: Checkin,
    Family.GIFT_CHECKIN: Checkin,
    Family.REDEMPTION: Redemption,
    Family.REWARD: Reward,
    Family.COUPON: Coupon,
    Family.COUPON_REDEMPTION: CouponRedemption,
    Family.PENDING_CHECKIN: Notification,
    Family.POST_CHECKIN_GIFT: Notification,
}


class Event(msgspec.Struct, frozen=True):
    """A whole event: what it says of itself, its family, and the payload as a model."""

    envelope: Envelope
    family: Family | None
    """None: it is stored and otherwise left alone."""
    payload: Payload


def family_of(envelope: Envelope) -> Family | None:
    """Return the family of an event; None for one that this adapter does not know."""
    kind = envelope.event_type or ""
    return _BY_NAME.get(envelope.event_name) or _BY_NAME_AND_TYPE.get((envelope.event_name, kind)) or _BY_TYPE.get(kind)


def parse(body: bytes) -> Event:
    """Return the event in a body. Raises msgspec.MsgspecError or RecursionError with what is wrong and where."""
    envelope = msgspec.json.decode(body, type=Envelope)
    family = family_of(envelope)
    if family is None:
        return Event(envelope, None, Payload())
    return Event(envelope, family, msgspec.convert(envelope.payload, _MODELS[family]))
