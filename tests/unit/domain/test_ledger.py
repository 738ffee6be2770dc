from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from promo_server.domain.ledger import StreamId

NUMBERS = st.integers(min_value=0, max_value=2**64 - 1)
IDS = st.builds(StreamId, NUMBERS, NUMBERS)


@given(IDS)
def test_both_spellings_lead_back_to_the_id(place: StreamId) -> None:
    assert StreamId.parse(str(place)) == StreamId.parse(place.sortable) == place


@given(IDS, IDS)
def test_sortable_spellings_sort_like_the_ids(first: StreamId, second: StreamId) -> None:
    assert (first < second) == (first.sortable < second.sortable)
