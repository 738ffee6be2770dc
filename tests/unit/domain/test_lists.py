from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from promo_server.domain.errors import DomainError
from promo_server.domain.filters import parse_filter
from promo_server.domain.lists import (
    CUSTOMERS,
    LISTINGS,
    REDEMPTIONS,
    ListQuery,
    Place,
    Sort,
    decode_place,
    encode_place,
)
from promo_server.domain.reasons import Reason

REPOSITORY = Path(__file__).resolve().parents[3]
MINE = parse_filter("customer = a", REDEMPTIONS.fields)
NEWEST = REDEMPTIONS.default


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("", NEWEST),
        ("  ", NEWEST),
        ("redeem_time", Sort("redeem_time", descending=False)),
        ("redeem_time asc", Sort("redeem_time", descending=False)),
        (" discount_amount  desc ", Sort("discount_amount", descending=True)),
    ],
)
def test_an_order_is_a_field_and_a_direction(text: str, sort: Sort) -> None:
    assert REDEMPTIONS.sort(text) == sort


@pytest.mark.parametrize("text", ["amount", "redeem_time down", "redeem_time desc desc", "redeem_time, id", "desc"])
def test_another_order_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="must be one of redeem_time, discount_amount"):
        REDEMPTIONS.sort(text)


@pytest.mark.parametrize("place", [Place(1_795_000_000_000, "r_1"), Place(-5, "é"), Place(0, "c" * 256)])
def test_a_token_leads_back_to_its_place(place: Place) -> None:
    token = encode_place(REDEMPTIONS, "p1", ListQuery(MINE, NEWEST, 10), place)
    assert decode_place(REDEMPTIONS, "p1", MINE, NEWEST, token) == place


def test_a_token_belongs_to_one_list_project_filter_and_order() -> None:
    token = encode_place(REDEMPTIONS, "p1", ListQuery(MINE, NEWEST, 10), Place(1, "r_1"))
    other = parse_filter("customer = b", REDEMPTIONS.fields)
    for listing, project, conditions, sort in (
        (CUSTOMERS, "p1", MINE, NEWEST),
        (REDEMPTIONS, "p2", MINE, NEWEST),
        (REDEMPTIONS, "p1", other, NEWEST),
        (REDEMPTIONS, "p1", (), NEWEST),
        (REDEMPTIONS, "p1", MINE, Sort("redeem_time", descending=False)),
        (REDEMPTIONS, "p1", MINE, Sort("discount_amount", descending=True)),
    ):
        with pytest.raises(DomainError) as refused:
            decode_place(listing, project, conditions, sort, token)
        assert refused.value.reason is Reason.PAGE_TOKEN_INVALID


def test_no_token_is_the_first_page_and_the_last_page_has_none() -> None:
    assert decode_place(REDEMPTIONS, "p1", MINE, NEWEST, "") is None
    assert encode_place(REDEMPTIONS, "p1", ListQuery(MINE, NEWEST, 10), None) == ""


def test_a_damaged_token_is_refused() -> None:
    token = encode_place(REDEMPTIONS, "p1", ListQuery(MINE, NEWEST, 10), Place(1, "r_1"))
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    broken = [raw[:14], raw[:5], raw + b"\xff", raw + b"\x00", b""]
    texts = ["?", "é", token[:-1] + "\n", "A" * 5_000, token + "A" * 3_000]
    for text in [*texts, *(base64.urlsafe_b64encode(one).decode().rstrip("=") or "=" for one in broken)]:
        with pytest.raises(DomainError) as refused:
            decode_place(REDEMPTIONS, "p1", MINE, NEWEST, text)
        assert refused.value.reason is Reason.PAGE_TOKEN_INVALID


def test_the_reference_names_every_field_and_order() -> None:
    page = (REPOSITORY / "docs/reference/lists.md").read_text()
    for listing in LISTINGS:
        (row,) = re.findall(rf"^\| {listing.name} \| (.*) \| (.*) \|$", page, re.MULTILINE)
        assert tuple(re.findall(r"`(\w+)`", row[0])) == tuple(listing.fields)
        assert tuple(re.findall(r"`(\w+)`", row[1])) == listing.orders
        assert listing.default.field == listing.orders[0]
