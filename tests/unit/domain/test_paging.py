from __future__ import annotations

import base64

import pytest

from promo_server.domain.errors import DomainError
from promo_server.domain.paging import decode_token, encode_token
from promo_server.domain.reasons import Reason


def test_a_token_leads_back_to_its_row() -> None:
    token = encode_token("campaigns", "p1", 2**40)
    assert decode_token("campaigns", "p1", token) == 2**40
    assert decode_token("campaigns", "p1", "") is None
    assert encode_token("campaigns", "p1", None) == ""


def test_the_page_after_the_largest_key_begins_at_a_number_that_sql_has() -> None:
    assert decode_token("campaigns", "p1", encode_token("campaigns", "p1", 2**63 - 2)) == 2**63 - 2


def forged(key: bytes) -> str:
    """Return a token of the list with another key in it."""
    raw = base64.urlsafe_b64decode(encode_token("campaigns", "p1", 1) + "==")
    return base64.urlsafe_b64encode(raw[:-8] + key).decode().rstrip("=")


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "%%%",
        "AAAA",
        "é",
        encode_token("campaigns", "p2", 1),
        "A" * 500,
        forged(b"\xff" * 8),
        forged(b"\x7f" + b"\xff" * 7),
    ],
)
def test_any_other_token_is_refused(token: str) -> None:
    with pytest.raises(DomainError) as refused:
        decode_token("campaigns", "p1", token)
    assert refused.value.reason is Reason.PAGE_TOKEN_INVALID
