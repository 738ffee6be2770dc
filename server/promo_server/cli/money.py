"""Amounts for people."""

from __future__ import annotations

from promo_server.kernel.decision import currencies


def spell(minor_units: int, currency_code: str) -> str:
    """Return an amount with its currency: `1,234.50 GBP`."""
    exponent = next((known.exponent for known in currencies() if known.code == currency_code), 0)
    whole, rest = divmod(abs(minor_units), 10**exponent)
    decimals = f".{rest:0{exponent}d}" if exponent else ""
    return f"{'-' if minor_units < 0 else ''}{whole:,}{decimals} {currency_code}"
