"""The afternoon designs price as ours does, so that they do the same work."""

import importlib.util
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3] / "benchmarks" / "baselines" / "shares.py"
SPEC = importlib.util.spec_from_file_location("shares", SOURCE)
assert SPEC is not None
assert SPEC.loader is not None
shares = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(shares)


@pytest.mark.parametrize(
    ("discount", "amounts", "expected"),
    [
        (10, [1, 1, 1], [4, 3, 3]),
        (1459, [1530, 2034, 2200, 1530], [306, 407, 440, 306]),
        (0, [5, 5], [0, 0]),
        (0, [0, 0], [0, 0]),
    ],
)
def test_shares_follow_the_largest_remainder_and_sum_to_the_discount(
    discount: int, amounts: list[int], expected: list[int]
) -> None:
    assert shares.split(discount, amounts) == expected
    assert sum(expected) == discount
