"""Codes verified with nothing but an exported key."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promo_server.kernel import codes
from promo_server.kernel.verification import InvalidKeyError, IssuedCodes, KeySubject, verification_key

MASTER = bytes(range(32))
RANGES = [(1_000, 61_000), (100_000, 100_001), (0, 900)]
REPORT = codes.check_layout({"length": 8, "check_symbol": True}, 1, 1.0)
WRAPPED = codes.new_wrapped_key(MASTER)
CODEC = codes.Codec(REPORT.specification, WRAPPED, MASTER)
KEY = verification_key(KeySubject("camp_1", "Spring", REPORT.specification, RANGES, 1_700_000_000_000), WRAPPED, MASTER)
ISSUED = IssuedCodes(KEY)


def test_every_issued_code_is_recognised_at_its_position_and_no_other() -> None:
    spelled = CODEC.export_positions(RANGES, 0, 60_901).decode().split()
    assert ISSUED.positions_of(spelled) == list(range(60_901))
    beyond = [CODEC.encode(index) or "" for index in (900, 999, 61_000, 100_001)]
    assert ISSUED.positions_of(beyond) == [None] * 4


def test_a_code_is_read_as_a_person_would_type_it() -> None:
    code = CODEC.encode(1_000)
    assert code is not None
    assert ISSUED.position_of(f"  {code.lower()}\n") == 0
    assert ISSUED.position_of("") is None


def test_a_key_tells_what_it_is_of_and_how_safe_it_is_against_guesses() -> None:
    assert (ISSUED.campaign_id, ISSUED.campaign, ISSUED.export_ms) == ("camp_1", "Spring", 1_700_000_000_000)
    assert ISSUED.issued_count == 60_901
    assert ISSUED.forgery_odds == 60_901 / REPORT.domain


def test_a_key_does_not_carry_the_master() -> None:
    again = verification_key(KeySubject("c", "n", REPORT.specification, RANGES, 0), WRAPPED, MASTER)
    assert json.loads(again)["secret"] != json.loads(KEY)["secret"]


@given(st.text(max_size=40))
def test_any_text_is_a_code_or_none(text: str) -> None:
    position = ISSUED.position_of(text)
    assert position is None or 0 <= position < ISSUED.issued_count


@pytest.mark.parametrize("field", ["format", "secret", "layout", "ranges", "export_ms", "campaign"])
def test_a_damaged_key_is_refused(field: str) -> None:
    document = json.loads(KEY)
    for wrong in (None, "x", [[3, 1]], {"length": -1}):
        if field == "campaign" and wrong != "missing":
            break
        document[field] = wrong
        with pytest.raises(InvalidKeyError):
            IssuedCodes(json.dumps(document))
    del document[field]
    with pytest.raises(InvalidKeyError):
        IssuedCodes(json.dumps(document))


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60)))
def test_no_other_text_is_a_key(text: str | bytes) -> None:
    with pytest.raises(InvalidKeyError):
        IssuedCodes(text)
