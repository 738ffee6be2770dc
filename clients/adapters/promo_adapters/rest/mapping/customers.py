"""Customers. The engine knows them by the caller's own id, which therefore is `id` and `source_id` at once."""

from __future__ import annotations

from promo.client import Customer
from promo_adapters.base import metadata
from promo_adapters.rest import models


def to_customer(given: models.Customer | str | None) -> Customer | None:
    """Return the customer that a request names, by id or else by e-mail address; None when it names none."""
    if given is None or isinstance(given, str):
        return Customer(source_id=given) if given else None
    source_id = given.source_id or given.id or given.email
    if not source_id:
        return None
    return Customer(
        source_id=source_id,
        name=given.name or "",
        email=given.email or "",
        phone=given.phone or "",
        metadata=metadata.pack(given.metadata),
    )


def customer_object(source_id: str, profile: Customer | None = None) -> dict[str, object] | None:
    """Return the customer of an answer, with the profile that came with the request; None for nobody."""
    if not source_id:
        return None
    customer: dict[str, object] = {"id": source_id}
    # An answer may be that of an earlier call for somebody else.
    if profile is not None and profile.source_id == source_id:
        customer["name"] = profile.name or None
        customer["email"] = profile.email or None
        if profile.metadata:
            customer["metadata"] = metadata.unpack(profile.metadata)
    return {**customer, "source_id": source_id, "object": "customer"}
