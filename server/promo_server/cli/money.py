"""Amounts for people."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from promo_server.cli.command_error import CommandError
from promo_server.kernel.decision import currencies

_MOST = 2**63 - 1
"""The largest number of minor units that a message can carry."""


def spell(minor_units: int, currency_code: str) -> str:
    """Return an amount with its currency: `1,234.50 GBP`."""
    exponent = next((known.exponent for known in currencies() if known.code == currency_code), 0)
    whole, rest = divmod(abs(minor_units), 10**exponent)
    decimals = f".{rest:0{exponent}d}" if exponent else ""
    return f"{'-' if minor_units < 0 else ''}{whole:,}{decimals} {currency_code}"


def parse(text: str, currency_code: str, what: str) -> int:
    """Return the minor units of an amount as people write it, `1234.50`; `what` is what an error calls it."""
    if not currency_code:
        raise CommandError(f"{what} needs the currency; give it too, as in --currency GBP")
    exponent = next((known.exponent for known in currencies() if known.code == currency_code), None)
    if exponent is None:
        raise CommandError(f"{currency_code!r} is no currency; give its ISO 4217 code, as in GBP")
    example = f"{Decimal(5).scaleb(-exponent) + 12:.{exponent}f}"
    try:
        # Digits and one point: no exponents, no NaN, none of Python's underscores.
        amount = Decimal(text) if set(text) <= set("0123456789.") else None
    except InvalidOperation:
        amount = None
    if amount is None:
        raise CommandError(f"{what}: {text!r} is no amount; write digits and a point, as in {example}")
    minor_units = amount.scaleb(exponent)
    if minor_units != minor_units.to_integral_value():
        places = f"{exponent} decimals at most" if exponent else "no decimals"
        raise CommandError(f"{what}: {text} is too fine; {currency_code} has {places}, as in {example}")
    if minor_units > _MOST:
        raise CommandError(f"{what}: {text} is more than any amount can be")
    return int(minor_units)
