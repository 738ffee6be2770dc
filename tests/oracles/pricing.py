"""Pricing as the contract's comments say it, in plain Python with exact fractions.

Slow and written without a look at the engine's arithmetic: what both agree on is what the contract says. Documents are
those of `promo_server.kernel.decision`; definitions are taken to be valid.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any
from zoneinfo import ZoneInfo

MAX_AMOUNT = 10**15
LIMITS = (
    "per_code",
    "per_customer_per_code",
    "per_customer",
    "per_campaign",
    "per_day",
    "per_week",
    "per_month",
    "discount_budget",
    "order_value_budget",
)


class Refused(Exception):  # noqa: N818 - a value that travels as an exception
    """A reason for which a code does not apply."""


@dataclass
class Line:
    """A line in the course of being discounted."""

    product_id: str
    sku_id: str
    quantity: int
    price: int
    discount: int = 0
    share: int = 0
    free: int = 0
    added: bool = False

    @property
    def amount(self) -> int:
        return self.quantity * self.price

    @property
    def left(self) -> int:
        return self.amount - self.discount - self.share

    @property
    def paid(self) -> int:
        return self.quantity - self.free

    def rank(self) -> tuple[Any, ...]:
        """Everything that pricing can see, so that the order of the lines decides nothing."""
        return (
            -self.left,
            self.product_id,
            self.sku_id,
            self.price,
            self.quantity,
            self.free,
            self.discount,
            self.share,
        )


def half_up(value: Fraction) -> int:
    """Round to whole minor units, halves up."""
    return floor(value + Fraction(1, 2))


def split(total: int, weights: list[int], lines: list[Line]) -> list[int]:
    """Split by weight; what rounding down leaves goes to the largest remainders."""
    whole = sum(weights)
    if whole == 0:
        return [0] * len(weights)
    exact = [Fraction(total * weight, whole) for weight in weights]
    shares = [floor(part) for part in exact]
    places = sorted(range(len(weights)), key=lambda place: (shares[place] - exact[place], lines[place].rank(), place))
    for place in places[: total - sum(shares)]:
        shares[place] += 1
    return shares


class Cart:
    """An order in the course of being discounted."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.lines = [
            Line(item.get("product_id", ""), item.get("sku_id", ""), item["quantity"], item["price"])
            for item in order.get("items", [])
        ]
        self.bare = 0 if self.lines else order["amount"]
        self.order_discount = 0

    @property
    def amount(self) -> int:
        return sum(line.amount for line in self.lines) + self.bare

    @property
    def left(self) -> int:
        return self.amount - self.order_discount - sum(line.discount for line in self.lines)

    def take_off_order(self, amount: int) -> int:
        amount = max(0, min(amount, self.left))
        shares = split(amount, [line.left for line in self.lines], self.lines)
        for line, share in zip(self.lines, shares, strict=True):
            line.share += share
        self.order_discount += amount
        return amount

    def select(self, selector: dict[str, Any]) -> list[Line]:
        products, skus = selector.get("product_ids", []), selector.get("sku_ids", [])
        chosen = [
            line
            for line in self.lines
            if (not products and not skus) or line.product_id in products or line.sku_id in skus
        ]
        if not chosen:
            raise Refused("CART_NOT_ELIGIBLE")
        return chosen

    def check_size(self, more: int) -> None:
        if self.amount + more > MAX_AMOUNT:
            raise Refused("FIELD_INVALID")


def apply(cart: Cart, discount: dict[str, Any]) -> int:
    """Apply a discount; return what it took off."""
    if discount["kind"] == "unit":
        return give_units(cart, discount)
    if discount["effect"] == "apply_to_order":
        return cart.take_off_order(_off_order(cart.left, discount))
    lines = cart.select(discount.get("applies_to", {}))
    if discount["effect"] == "apply_to_items_proportionally":
        weights = [line.left for line in lines]
        cuts = split(min(discount["amount_off"], sum(weights)), weights, lines)
    else:
        cuts = [max(0, min(_off_line(line, discount), line.left)) for line in lines]
        cap = discount.get("amount_limit", 0)
        if cap and sum(cuts) > cap:
            cuts = split(cap, cuts, lines)
    for line, cut in zip(lines, cuts, strict=True):
        line.discount += cut
    return sum(cuts)


def _off_order(left: int, discount: dict[str, Any]) -> int:
    match discount["kind"]:
        case "amount":
            return int(discount["amount_off"])
        case "percent":
            off = half_up(Fraction(left * discount["basis_points"], 10_000))
            return min(off, discount.get("amount_limit", 0) or off)
        case "fixed":
            return left - int(discount["fixed_amount"])
    raise AssertionError(discount)


def _off_line(line: Line, discount: dict[str, Any]) -> int:
    match discount["kind"], discount["effect"]:
        case "amount", "apply_to_items":
            return int(discount["amount_off"])
        case "amount", "apply_to_items_by_quantity":
            return int(discount["amount_off"]) * line.paid
        case "percent", "apply_to_items":
            return half_up(Fraction(line.left * discount["basis_points"], 10_000))
        case "fixed", "apply_to_items":
            return line.left - int(discount["fixed_amount"]) * line.paid
    raise AssertionError(discount)


def give_units(cart: Cart, discount: dict[str, Any]) -> int:
    """Make units free, cheapest first, and add those that the order lacks."""
    if not cart.lines:
        raise Refused("CART_NOT_ELIGIBLE")
    product, sku = discount.get("product_id", ""), discount.get("sku_id", "")
    lines = [line for line in cart.lines if product in ("", line.product_id) and sku in ("", line.sku_id)]
    lines.sort(key=lambda line: (line.price, line.rank()))
    present = sum(line.paid for line in lines) if discount["effect"] == "add_missing_items" else 0
    wanted = discount["unit_off"]
    missing = max(0, wanted - present)
    added = missing * (lines[0].price if lines else discount["price"])
    cart.check_size(added)
    value = added
    to_free = wanted - missing
    for line in lines:
        freed = min(to_free, line.paid)
        if freed:
            cut = half_up(Fraction(line.left * freed, line.paid))
            line.discount += cut
            line.free += freed
            to_free -= freed
            value += cut
    if missing and lines:
        first = lines[0]
        first.quantity += missing
        first.free += missing
        first.discount += added
    elif missing:
        cart.lines.append(
            Line(product, sku, missing, discount["price"], discount=added, free=missing, added=True),
        )
    return value


def _days_match(days: list[int], local: datetime) -> bool:
    return not days or local.isoweekday() in days


def check(candidate: dict[str, Any], order: dict[str, Any], facts: dict[str, Any]) -> None:
    """Raise the first reason that has nothing to do with the cart."""
    campaign = candidate["campaign"]
    if campaign is None or campaign.get("deleted", False):
        raise Refused("CODE_NOT_FOUND")
    if not campaign["enabled"]:
        raise Refused("CAMPAIGN_DISABLED")
    definition = campaign["definition"]
    check_time(definition.get("validity", {}), candidate.get("published_ms"), facts)
    if definition["currency"] != order["currency_code"]:
        raise Refused("CURRENCY_MISMATCH")
    limits = definition.get("limits", {})
    if (limits.get("per_customer") or limits.get("per_customer_per_code")) and not facts.get("customer"):
        raise Refused("CUSTOMER_REQUIRED")


def check_time(validity: dict[str, Any], published: int | None, facts: dict[str, Any]) -> None:
    """Raise the first reason for which the code cannot be used now."""
    now = facts["now_ms"]
    start, expire = validity.get("start_ms"), validity.get("expire_ms")
    activity = validity.get("activity_after_publishing_ms", 0)
    if start is not None and now < start:
        raise Refused("PROMOTION_NOT_STARTED")
    if expire is not None and now >= expire:
        raise Refused("PROMOTION_EXPIRED")
    if activity and published is None:
        raise Refused("CODE_NOT_PUBLISHED")
    if activity and published is not None and now >= published + activity:
        raise Refused("PROMOTION_EXPIRED")
    frame = validity.get("timeframe")
    local = local_time(facts)
    minute = local.hour * 60 + local.minute
    hours = validity.get("hours", [])
    if (
        (frame and (now - start) % frame["interval_ms"] >= frame["duration_ms"])
        or not _days_match(validity.get("days_of_week", []), local)
        or (
            hours
            and not any(
                _days_match(part.get("days_of_week", []), local) and part["start_minute"] <= minute < part["end_minute"]
                for part in hours
            )
        )
    ):
        raise Refused("PROMOTION_NOT_ACTIVE_NOW")


def local_time(facts: dict[str, Any]) -> datetime:
    """Return the time of the call in the project's zone."""
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=facts["now_ms"])
    return instant.astimezone(ZoneInfo(facts["time_zone"]))


def period_name(kind: str, day: date) -> str | None:
    """Return the name of the calendar period that a limit counts in."""
    if kind == "per_day":
        return day.strftime("d%Y%m%d")
    if kind == "per_week":
        return "w{0.year:04}W{0.week:02}".format(day.isocalendar())
    return day.strftime("m%Y%m") if kind == "per_month" else None


def decide(order: dict[str, Any], candidates: list[dict[str, Any]], facts: dict[str, Any]) -> dict[str, Any]:
    """Return the decision: outcomes as amount, reason or `skipped`, the order, and takes without their ends."""
    cart = Cart(order)
    outcomes: list[int | str] = []
    failed = may_lack_lines = False
    for candidate in candidates:
        try:
            check(candidate, order, facts)
            discount = candidate["campaign"]["definition"]["discount"]
            outcomes.append(_outcome(cart, discount, facts["mode"], failed=failed, may_lack_lines=may_lack_lines))
        except Refused as refusal:
            outcomes.append(str(refusal))
        if not isinstance(outcomes[-1], int):
            failed = True
            campaign = candidate["campaign"]
            may_lack_lines |= campaign is None or campaign["definition"]["discount"]["kind"] == "unit"
    applied = [isinstance(one, int) for one in outcomes]
    valid = any(applied) if facts["mode"] == "partial" else all(applied)
    if not valid:
        cart = Cart(order)
    takes = plan(Cart(order).amount, candidates, outcomes, facts) if valid else []
    return {"valid": valid, "outcomes": outcomes, "order": _describe(cart), "takes": takes}


def _outcome(cart: Cart, discount: dict[str, Any], mode: str, *, failed: bool, may_lack_lines: bool) -> int | str:
    if not failed or mode == "partial":
        return apply(cart, discount)
    if not may_lack_lines:
        if discount["kind"] == "unit":
            if not cart.lines:
                raise Refused("CART_NOT_ELIGIBLE")
        elif discount["effect"] != "apply_to_order":
            cart.select(discount.get("applies_to", {}))
    return "skipped"


def plan(
    order_amount: int,
    candidates: list[dict[str, Any]],
    outcomes: list[int | str],
    facts: dict[str, Any],
) -> list[dict[str, Any]]:
    """Return one take per limit that is set, of each candidate that applies."""
    today = local_time(facts).date()
    takes = []
    for place, (candidate, outcome) in enumerate(zip(candidates, outcomes, strict=True)):
        if not isinstance(outcome, int):
            continue
        limits = candidate["campaign"]["definition"].get("limits", {})
        amounts = {"discount_budget": outcome, "order_value_budget": order_amount}
        takes += [
            {
                "candidate": place,
                "kind": kind,
                "limit": limits[kind],
                "amount": amounts.get(kind, 1),
                "period": period_name(kind, today),
            }
            for kind in LIMITS
            if limits.get(kind)
        ]
    return takes


def _describe(cart: Cart) -> dict[str, Any]:
    items_discount = sum(line.discount for line in cart.lines)
    return {
        "items": [
            {
                "product_id": line.product_id,
                "sku_id": line.sku_id,
                "quantity": line.quantity,
                "price": line.price,
                "amount": line.amount,
                "discount_amount": line.discount,
                "order_discount_share": line.share,
                "total_amount": line.left,
                "free_quantity": line.free,
                "added": line.added,
            }
            for line in cart.lines
        ],
        "amount": cart.amount,
        "items_discount_amount": items_discount,
        "discount_amount": cart.order_discount,
        "total_discount_amount": items_discount + cart.order_discount,
        "total_amount": cart.left,
    }
