"""Orders and their lines."""

from __future__ import annotations

from promo.client import Order, OrderItem
from promo_adapters.base import metadata
from promo_adapters.base.problems import Problem
from promo_adapters.rest import models


def to_order(given: models.Order | None) -> Order:
    """Return the order of a request, with a currency only where the request says one.

    Lines say what an order amounts to where there are any. Raises Problem where
    nothing does, and for a line without a price.
    """
    if given is None:
        raise Problem(400, "missing_order", "send 'order' with 'items' or 'amount': a discount is one on an order")
    if not given.items and not given.amount:
        raise Problem(400, "missing_amount", "Property .order should have 'items', or 'amount' above zero")
    items = [_item(item, f".order.items[{at}]") for at, item in enumerate(given.items or [])]
    return Order(
        source_id=given.source_id or given.id or "",
        currency_code=given.currency_code or "",
        items=items,
        amount=0 if items else given.amount or 0,
        metadata=metadata.pack(given.metadata),
    )


def _item(given: models.OrderItem, place: str) -> OrderItem:
    quantity = 1 if given.quantity is None else given.quantity
    source_id, product_id, sku_id = given.source_id or "", given.product_id or "", given.sku_id or ""
    if not product_id and not sku_id:
        product_id, sku_id = ("", source_id) if given.related_object == "sku" else (source_id, "")
    return OrderItem(
        source_id=source_id,
        product_id=product_id,
        sku_id=sku_id,
        quantity=quantity,
        price=_price(given, quantity, place),
        metadata=metadata.pack(given.metadata),
    )


def _price(given: models.OrderItem, quantity: int, place: str) -> int:
    if given.price is not None:
        return given.price
    for named in (given.sku, given.product):
        if named is not None and named.price is not None:
            return named.price
    if given.amount is not None and quantity > 0 and given.amount % quantity == 0:
        return given.amount // quantity
    wanted = "'price', or 'amount' that is a multiple of 'quantity'; products and their prices are not kept here"
    raise Problem(400, "invalid_payload", f"Property {place} should have {wanted}")


def order_object(order: Order, customer: str, status: str | None = None) -> dict[str, object]:
    """Return an order with what came off it."""
    answer: dict[str, object] = {
        "id": order.source_id or None,
        "source_id": order.source_id or None,
        **totals(order.amount, order.items_discount_amount, order.discount_amount),
        "items_applied_discount_amount": order.items_discount_amount,
        "applied_discount_amount": order.discount_amount,
        "total_applied_discount_amount": order.total_discount_amount,
        "items": [item_object(item) for item in order.items],
        "metadata": metadata.unpack(order.metadata),
        "customer_id": customer or None,
        "referrer_id": None,
        "currency_code": order.currency_code,
        "object": "order",
    }
    if status is not None:
        answer["status"] = status
    return answer


def totals(amount: int, items_discount: int, order_discount: int) -> dict[str, object]:
    """Return the sums of an order, minor units."""
    discount = items_discount + order_discount
    return {
        "amount": amount,
        "items_discount_amount": items_discount,
        "discount_amount": order_discount,
        "total_discount_amount": discount,
        "total_amount": amount - discount,
    }


def item_object(item: OrderItem) -> dict[str, object]:
    """Return a line with its own discount; that on the order as a whole is no part of it."""
    answer: dict[str, object] = {
        "object": "order_item",
        "quantity": item.quantity,
        "price": item.price,
        "amount": item.amount,
        "discount_amount": item.discount_amount,
        "applied_discount_amount": item.discount_amount,
        "subtotal_amount": item.amount - item.discount_amount,
    }
    names = (("source_id", item.source_id), ("product_id", item.product_id), ("sku_id", item.sku_id))
    answer.update({name: value for name, value in names if value})
    if item.free_quantity:
        answer["discount_quantity"] = item.free_quantity
        answer["initial_quantity"] = item.quantity - item.free_quantity
    if item.metadata:
        answer["metadata"] = metadata.unpack(item.metadata)
    return answer
