"""The typed face of the decision crate: definitions, currencies and prices as the engine's own code has them.

Documents are those of `codegen_ext/crates/decision`: campaign definitions and bundles as they are in the store.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict, cast

from promo_server import _native

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Violation:
    """One field at fault; `field` is its path in the contract's names, such as `discount.percent.basis_points`."""

    field: str
    description: str


class InvalidDocumentError(ValueError):
    """A definition or an order that the engine would not take, with everything that is wrong with it."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        """Carry every violation; the text has them all."""
        super().__init__("; ".join(f"{one.field}: {one.description}" for one in violations))
        self.violations = violations


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency of ISO 4217: `exponent` is how many digits its minor unit has."""

    code: str
    number: int
    exponent: int


class LineDocument(TypedDict):
    """A line of an order that is asked about; amounts in minor units."""

    quantity: int
    price: int
    source_id: NotRequired[str]
    product_id: NotRequired[str]
    sku_id: NotRequired[str]


class OrderDocument(TypedDict):
    """An order that is asked about; `amount` is needed without items."""

    currency_code: str
    amount: NotRequired[int]
    items: NotRequired[list[LineDocument]]
    source_id: NotRequired[str]


class CandidateDocument(TypedDict):
    """A code, and the bundle of its campaign or None where no campaign has it."""

    code: str
    campaign: Mapping[str, object] | None
    position: NotRequired[int]
    published_ms: NotRequired[int | None]


class FactsDocument(TypedDict):
    """What a decision knows beside order and codes."""

    now_ms: int
    time_zone: str
    mode: Literal["all", "partial"]
    customer: NotRequired[str | None]


class OutcomeDocument(TypedDict):
    """What becomes of one code: `amount` where it applies, the refusal where it does not."""

    status: Literal["applicable", "inapplicable", "skipped"]
    amount: NotRequired[int]
    reason: NotRequired[str]
    message: NotRequired[str]
    metadata: NotRequired[dict[str, str]]


class PricedLineDocument(TypedDict):
    """A line with its discounts; `added` when the order did not have it."""

    product_id: str
    sku_id: str
    quantity: int
    price: int
    amount: int
    discount_amount: int
    order_discount_share: int
    total_amount: int
    free_quantity: int
    added: bool


class PricedOrderDocument(TypedDict):
    """An order with its discounts."""

    items: list[PricedLineDocument]
    amount: int
    items_discount_amount: int
    discount_amount: int
    total_discount_amount: int
    total_amount: int


class TakeDocument(TypedDict):
    """What a redemption takes of one limit; `kind` is the field of Limits."""

    candidate: int
    kind: str
    limit: int
    amount: int
    period: str | None
    period_end_ms: int | None


class DecisionDocument(TypedDict):
    """What would become of an order, before any limit is asked."""

    valid: bool
    outcomes: list[OutcomeDocument]
    order: PricedOrderDocument
    takes: list[TakeDocument]


def check_definition(document: Mapping[str, object]) -> dict[str, object]:
    """Return the canonical form of a campaign definition; raise InvalidDocumentError with every violation."""
    answer = _unwrap("definition", _native.check_definition(json.dumps(document)))
    return cast("dict[str, object]", answer)


def decide(order: OrderDocument, candidates: Iterable[CandidateDocument], facts: FactsDocument) -> DecisionDocument:
    """Return what the codes would do to the order, without looking at what limits have left.

    Raise InvalidDocumentError for an order, a definition or a time zone that cannot be taken.
    """
    answer = _native.decide_json(json.dumps(order), json.dumps(list(candidates)), json.dumps(facts))
    return cast("DecisionDocument", _unwrap("decision", answer))


@cache
def currencies() -> tuple[Currency, ...]:
    """Return every currency that a campaign can have, in order of code."""
    return tuple(Currency(code, number, exponent) for code, number, exponent in _native.currencies())


def has_time_zone(name: str) -> bool:
    """Return whether a project can have this time zone."""
    return _native.has_time_zone(name)


def _unwrap(key: str, text: str) -> object:
    answer = json.loads(text)
    if key in answer:
        return answer[key]
    raise InvalidDocumentError(tuple(Violation(one["field"], one["description"]) for one in answer["violations"]))
