"""What callers send. Properties that are not listed are ignored; of those listed, the types are checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""What a field of the contract can hold; what makes sense is for the engine to say."""

Text = Annotated[str, msgspec.Meta(max_length=65_536)]
Metadata = dict[str, Any]
TimeUnit = Literal["DAYS", "HOURS", "MINUTES", "SECONDS", "MILLISECONDS", "MICROSECONDS", "NANOSECONDS"]


class Customer(msgspec.Struct, frozen=True):
    """A customer; one of the ids, or an e-mail address, says who."""

    id: Text | None = None
    source_id: Text | None = None
    name: Text | None = None
    email: Text | None = None
    phone: Text | None = None
    metadata: Metadata | None = None


class PublicationCampaign(msgspec.Struct, frozen=True):
    """A campaign that gives codes away."""

    name: Text | None = None
    id: Text | None = None
    count: Annotated[int, msgspec.Meta(ge=1, le=50)] = 1


class Publication(msgspec.Struct, frozen=True):
    """POST /v1/publications, and the query of GET /v1/publications/create."""

    campaign: Text | PublicationCampaign | None = None
    voucher: Text | None = None
    customer: Text | Customer | None = None
    source_id: Text | None = None
    channel: Text | None = None
    join_once: bool | None = None
    metadata: Metadata | None = None


class Redeemable(msgspec.Struct, frozen=True):
    """Something that a customer wants to use."""

    object: Text
    id: Text
    gift: Metadata | None = None
    reward: Metadata | None = None


class Priced(msgspec.Struct, frozen=True):
    """What an order line says of its product or variant."""

    price: Integer | None = None


class OrderItem(msgspec.Struct, frozen=True):
    """A line of an order."""

    source_id: Text | None = None
    product_id: Text | None = None
    sku_id: Text | None = None
    related_object: Literal["product", "sku"] = "product"
    quantity: Integer | None = None
    price: Integer | None = None
    amount: Integer | None = None
    product: Priced | None = None
    sku: Priced | None = None
    metadata: Metadata | None = None


class Order(msgspec.Struct, frozen=True):
    """A cart or an order."""

    id: Text | None = None
    source_id: Text | None = None
    status: Text | None = None
    amount: Integer | None = None
    currency_code: Text | None = None
    items: list[OrderItem] | None = None
    metadata: Metadata | None = None


class Session(msgspec.Struct, frozen=True):
    """A hold."""

    type: Literal["LOCK"] = "LOCK"
    key: Text | None = None
    ttl: float | None = None
    ttl_unit: TimeUnit | None = None


class Use(msgspec.Struct, frozen=True):
    """POST /v1/validations and POST /v1/redemptions."""

    redeemables: list[Redeemable]
    customer: Text | Customer | None = None
    order: Order | None = None
    session: Session | None = None
    tracking_id: Text | None = None
    metadata: Metadata | None = None


class Rollback(msgspec.Struct, frozen=True):
    """POST of a rollback."""

    reason: Text | None = None
    tracking_id: Text | None = None
    customer: Text | Customer | None = None
    order: Order | None = None
