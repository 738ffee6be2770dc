"""Scenarios as data: campaigns, an order, codes, and what must come of it.

A file is a list of scenarios; see `README.md` for the fields. The same files run against the kernel here, and against
any other entry point that can make campaigns and validate codes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DEFAULT_TIME = "2026-11-22T12:00:00Z"


@dataclass(frozen=True)
class Scenario:
    """One case; times are Unix milliseconds, definitions the documents of the decision crate."""

    name: str
    definitions: dict[str, dict[str, Any]]
    order: dict[str, Any]
    codes: list[str]
    expect: dict[str, Any]
    now_ms: int
    time_zone: str = "UTC"
    mode: str = "all"
    customer: str | None = "17850"
    disabled: list[str] = field(default_factory=list)
    published_ms: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def load() -> list[Scenario]:
    """Return every scenario of every file, by file name."""
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        with path.open(encoding="utf-8") as file:
            found += [_scenario(path.stem, document) for document in yaml.safe_load(file)]
    return found


def milliseconds(text: str) -> int:
    """Return a time, RFC 3339, as Unix milliseconds."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)


def _scenario(stem: str, document: dict[str, Any]) -> Scenario:
    document = dict(document)
    order = document.pop("order")
    currency = order.get("currency", "GBP")
    campaigns = document.pop("campaigns")
    published = document.pop("published", {})
    return Scenario(
        name=f"{stem}: {document.pop('name')}",
        definitions={code: _definition(campaign, currency) for code, campaign in campaigns.items()},
        order=_order(order, currency),
        codes=document.pop("codes", list(campaigns)),
        now_ms=milliseconds(document.pop("now", DEFAULT_TIME)),
        published_ms={code: milliseconds(time) for code, time in published.items()},
        **document,
    )


def _definition(campaign: dict[str, Any], currency: str) -> dict[str, Any]:
    validity = dict(campaign.get("validity", {}))
    for name in ("start", "expire"):
        if name in validity:
            validity[f"{name}_ms"] = milliseconds(validity.pop(name))
    return {"currency": currency} | campaign | {"validity": validity}


def _order(order: dict[str, Any], currency: str) -> dict[str, Any]:
    items = [_line(*line) for line in order.get("lines", [])]
    return {"currency_code": currency, "items": items, "amount": order.get("amount", 0)}


def _line(product_id: str, quantity: int, price: int, sku_id: str = "") -> dict[str, Any]:
    return {"product_id": product_id, "sku_id": sku_id, "quantity": quantity, "price": price}
