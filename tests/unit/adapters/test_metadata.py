from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promo_adapters.base.metadata import pack, unpack

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values | st.sampled_from(["1", "true", "null", '"x"', "[]", "1e5", " 1"])))
def test_whatever_is_kept_comes_back(values: dict[str, Any]) -> None:
    packed = pack(values)
    assert all(isinstance(text, str) for text in packed.values())
    assert unpack(packed) == values


@pytest.mark.parametrize(
    ("value", "text"),
    [("winback", "winback"), (2022, "2022"), (True, "true"), (None, "null"), ({"a": [1]}, '{"a":[1]}'), ("7", '"7"')],
)
def test_other_clients_read_texts_as_they_are_and_the_rest_as_json(value: object, text: str) -> None:
    assert pack({"k": value}) == {"k": text}
