"""Invoices of a CSV file as orders, read line by line.

One row is one line of an invoice; the lines of an invoice stand together. An invoice number that begins with C is a
cancellation, whose quantities are negative.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from promo_server.cli.command_error import CommandError
from promo_server.cli.replay.events import Cancellation, Event, Line, Order, Skip, Skipped, quantities

COLUMNS = ("invoice_no", "customer_id", "stock_code", "quantity", "unit_price_pence")
"""Columns that must be there, in any order, among any others."""

_CANCELLATION = "C"
_MOST_UNITS = 1_000_000
_HIGHEST_PRICE = 1_000_000_000_000


class _BadRowError(Exception):
    """A row that makes no line; the text says why."""


@dataclass(slots=True)
class _Invoice:
    number: str
    customer: str
    lines: list[Line] = field(default_factory=list)


def read_invoices(path: Path) -> Iterator[Event]:
    """Yield what a file holds, in its order; raise CommandError when it is no file of invoices."""
    try:
        # What is not UTF-8 stands in descriptions, which nobody reads here.
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            yield from _events(path, csv.reader(file))
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}; give another file") from None


def _events(path: Path, rows: Iterator[list[str]]) -> Iterator[Event]:
    places = _places(path, rows)
    invoice: _Invoice | None = None
    finished: set[str] = set()
    for number, row in _numbered(rows):
        if isinstance(row, Skipped):
            yield row
            continue
        try:
            invoice_number, customer, line = _line(row, places)
        except _BadRowError as error:
            yield Skipped(Skip.UNREADABLE_LINE, f"line {number}", str(error))
            continue
        if invoice is None or invoice.number != invoice_number:
            if invoice is not None:
                finished.add(invoice.number)
                yield _event(invoice)
                invoice = None
            if invoice_number in finished:
                yield Skipped(Skip.SCATTERED_LINE, f"line {number}", f"invoice {invoice_number}")
                continue
            invoice = _Invoice(invoice_number, customer)
        if line.quantity < 0 and not _is_cancellation(invoice_number):
            yield Skipped(Skip.NEGATIVE_LINE, f"line {number}", f"quantity {line.quantity}")
            continue
        invoice.lines.append(line)
    if invoice is not None:
        yield _event(invoice)


def _places(path: Path, rows: Iterator[list[str]]) -> list[int]:
    """Return where each of COLUMNS stands."""
    try:
        header = next(rows, [])
    except csv.Error as error:
        raise CommandError(f"{path}: is no CSV file ({error}); give another") from None
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise CommandError(f"{path}: has no column {', '.join(missing)}; its first line must name the columns")
    return [header.index(name) for name in COLUMNS]


def _numbered(rows: Iterator[list[str]]) -> Iterator[tuple[int, list[str] | Skipped]]:
    """Yield rows with their numbers, the header being the first; one that is no CSV does not end the file."""
    number = 1
    while True:
        number += 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, Skipped(Skip.UNREADABLE_LINE, f"line {number}", str(error))
            continue
        if row:
            yield number, row


def _line(row: list[str], places: list[int]) -> tuple[str, str, Line]:
    if len(row) <= max(places):
        raise _BadRowError(f"has {len(row)} columns")
    invoice, customer, product, quantity, price = (row[place].strip() for place in places)
    if not invoice:
        raise _BadRowError("has no invoice number")
    line = Line(product, _number("quantity", quantity), _number("unit_price_pence", price))
    if line.quantity == 0 or abs(line.quantity) > _MOST_UNITS:
        raise _BadRowError(f"quantity {line.quantity} is not 1 to {_MOST_UNITS}")
    if not 0 <= line.price <= _HIGHEST_PRICE:
        raise _BadRowError(f"unit_price_pence {line.price} is not 0 to {_HIGHEST_PRICE}")
    return invoice, customer, line


def _number(name: str, text: str) -> int:
    # Longer ones are no quantity and no price, and Python refuses to read the longest.
    if len(text) <= len(str(_HIGHEST_PRICE)) + 1:
        try:
            return int(text)
        except ValueError:
            pass
    raise _BadRowError(f"{name} {text[:20]!r} is no whole number")


def _is_cancellation(invoice: str) -> bool:
    return invoice.startswith(_CANCELLATION)


def _event(invoice: _Invoice) -> Event:
    where = f"invoice {invoice.number}"
    lines = tuple(invoice.lines)
    if not invoice.customer:
        return Skipped(Skip.ANONYMOUS_ORDER, where)
    if _is_cancellation(invoice.number):
        units = quantities(lines)
        return Cancellation(invoice.number, invoice.customer, -units)
    order = Order(invoice.number, invoice.customer, lines)
    return order if order.amount > 0 else Skipped(Skip.WORTHLESS_ORDER, where)
