from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from promo_server.cli.command_error import CommandError
from promo_server.cli.replay.events import Cancellation, Event, Line, Order, Skip, Skipped
from promo_server.cli.replay.invoices import read_invoices

HEADER = "invoice_no,invoice_date,customer_id,country,stock_code,description,quantity,unit_price_pence"


def row(invoice: str, customer: str, product: str, quantity: object, price: object) -> str:
    return f"{invoice},2010-12-01T08:26:00Z,{customer},United Kingdom,{product},A THING,{quantity},{price}"


def read(path: Path, *rows: str, header: str = HEADER) -> list[Event]:
    path.write_text("\n".join((header, *rows, "")))
    return list(read_invoices(path))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "invoices.csv"


def test_lines_of_an_invoice_become_one_order(file: Path) -> None:
    events = read(file, row("1", "c", "a", 6, 255), row("1", "c", "b", 1, 0), row("2", "d", "a", 1, 100))
    assert events == [Order("1", "c", (Line("a", 6, 255), Line("b", 1, 0))), Order("2", "d", (Line("a", 1, 100),))]
    assert [event.amount for event in events if isinstance(event, Order)] == [1530, 100]


def test_columns_may_stand_anywhere(file: Path) -> None:
    header = "quantity,stock_code,unit_price_pence,customer_id,note,invoice_no"
    assert read(file, "2,a,100,c,,7", header=header) == [Order("7", "c", (Line("a", 2, 100),))]


def test_missing_column_is_named(file: Path) -> None:
    with pytest.raises(CommandError, match="has no column customer_id, quantity"):
        read(file, header="invoice_no,stock_code,unit_price_pence")


def test_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"none\.csv: No such file"):
        list(read_invoices(tmp_path / "none.csv"))


def test_invoice_that_begins_with_c_is_a_cancellation(file: Path) -> None:
    events = read(file, row("C9", "c", "a", -2, 255), row("C9", "c", "b", -1, 100), row("C9", "c", "a", -1, 255))
    assert events == [Cancellation("C9", "c", Counter(a=3, b=1))]


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        ("1,x", "has 2 columns"),
        (row("1", "c", "a", "six", 255), "quantity 'six' is no whole number"),
        (row("1", "c", "a", "1.5", 255), "quantity '1.5' is no whole number"),
        (row("1", "c", "a", 0, 255), "quantity 0 is not 1 to 1000000"),
        (row("1", "c", "a", 2_000_000, 255), "quantity 2000000 is not 1 to 1000000"),
        (row("1", "c", "a", 1, -5), "unit_price_pence -5 is not 0 to 1000000000000"),
        (row("1", "c", "a", 1, "9" * 5000), "unit_price_pence '99999999999999999999' is no whole number"),
        (row("", "c", "a", 1, 5), "has no invoice number"),
    ],
)
def test_row_that_cannot_be_read_is_reported_by_its_line(file: Path, line: str, detail: str) -> None:
    events = read(file, row("1", "c", "a", 1, 100), line, row("1", "c", "b", 1, 100))
    assert events == [
        Skipped(Skip.UNREADABLE_LINE, "line 3", detail),
        Order("1", "c", (Line("a", 1, 100), Line("b", 1, 100))),
    ]


def test_field_that_csv_refuses_does_not_end_the_file(file: Path) -> None:
    # An import in the same process may have set another one.
    csv.field_size_limit(131_072)
    events = read(file, row("1", "c", "x" * 200_000, 1, 100), row("2", "c", "a", 1, 100))
    assert isinstance(events[0], Skipped)
    assert (events[0].why, events[0].where) == (Skip.UNREADABLE_LINE, "line 2")
    assert events[1:] == [Order("2", "c", (Line("a", 1, 100),))]


def test_negative_quantity_outside_a_cancellation_is_left_out(file: Path) -> None:
    events = read(file, row("1", "c", "a", -3, 100), row("1", "c", "b", 1, 100))
    assert events == [
        Skipped(Skip.NEGATIVE_LINE, "line 2", "quantity -3"),
        Order("1", "c", (Line("b", 1, 100),)),
    ]


def test_order_without_customer_or_worth_is_left_out(file: Path) -> None:
    events = read(file, row("1", "", "a", 1, 100), row("2", "c", "a", 1, 0), row("C3", "", "a", -1, 100))
    assert [(event.why, event.where) for event in events if isinstance(event, Skipped)] == [
        (Skip.ANONYMOUS_ORDER, "invoice 1"),
        (Skip.WORTHLESS_ORDER, "invoice 2"),
        (Skip.ANONYMOUS_ORDER, "invoice C3"),
    ]


def test_lines_of_an_invoice_that_stand_apart_are_left_out(file: Path) -> None:
    events = read(file, row("1", "c", "a", 1, 100), row("2", "d", "a", 1, 100), row("1", "c", "b", 1, 100))
    assert events == [
        Order("1", "c", (Line("a", 1, 100),)),
        Order("2", "d", (Line("a", 1, 100),)),
        Skipped(Skip.SCATTERED_LINE, "line 4", "invoice 1"),
    ]


def test_bytes_that_are_not_utf_8_harm_nothing(file: Path) -> None:
    line = row("1", "c", "a", 1, 100).replace("A THING", "CAF\xe9")
    file.write_bytes(f"{HEADER}\n{line}\n".encode("latin-1"))
    assert list(read_invoices(file)) == [Order("1", "c", (Line("a", 1, 100),))]
