"""How the afternoon designs in Python split an order's discount over its lines."""

from collections.abc import Sequence


def split(discount: int, amounts: Sequence[int]) -> list[int]:
    """Returns a share per line by largest remainder; the shares sum to the discount."""
    total = sum(amounts)
    if total == 0:
        return [0] * len(amounts)
    shares = [discount * amount // total for amount in amounts]
    remainders = [discount * amount % total for amount in amounts]
    by_remainder = sorted(range(len(amounts)), key=lambda line: -remainders[line])
    for line in by_remainder[: discount - sum(shares)]:
        shares[line] += 1
    return shares
