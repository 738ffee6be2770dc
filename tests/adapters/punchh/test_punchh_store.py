"""What the adapter remembers of guests and redemptions, in whatever order it hears of them."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import pytest

from promo_adapters.punchh import store
from promo_adapters.punchh.store import KnownGuest, RecordedRedemption

USED = RecordedRedemption("coupon", 1, 7, "u-7", "CODE", "", "honored", "21.4", 10, "c1")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:")
    opened.row_factory = sqlite3.Row
    opened.executescript(store.SCHEMA)
    yield opened
    opened.close()


def known(connection: sqlite3.Connection) -> KnownGuest:
    return store.guests(connection, [7])[7]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_the_newest_profile_counts_in_any_order(connection: sqlite3.Connection, order: tuple[int, ...]) -> None:
    for number in order:
        store.note_guest(connection, KnownGuest(7, f"u-{number}", 100 + number))
    assert known(connection) == KnownGuest(7, "u-2", 102)


def test_an_event_that_is_no_profile_adds_only_what_was_unknown(connection: sqlite3.Connection) -> None:
    store.note_guest(connection, KnownGuest(7, "", 100))
    store.note_guest(connection, KnownGuest(7, "u-7", 0))
    assert known(connection) == KnownGuest(7, "u-7", 100)
    store.note_guest(connection, KnownGuest(7, "other", 0))
    assert known(connection) == KnownGuest(7, "u-7", 100)


def test_a_guest_nobody_spoke_of_is_unknown(connection: sqlite3.Connection) -> None:
    assert store.guests(connection, [7, 8]) == {}
    assert store.guests(connection, []) == {}


@pytest.mark.parametrize("order", [(10, 20), (20, 10)])
def test_the_newest_state_of_a_redemption_counts(connection: sqlite3.Connection, order: tuple[int, int]) -> None:
    for at_ms in order:
        store.note_redemption(connection, replace(USED, happen_ms=at_ms, status=f"at {at_ms}"))
    [found] = store.redemptions(connection, 10)
    assert (found["status"], found["happen_ms"]) == ("at 20", 20)


def test_redemptions_of_rewards_and_coupons_do_not_meet(connection: sqlite3.Connection) -> None:
    store.note_redemption(connection, USED)
    store.note_redemption(connection, replace(USED, kind="redemption", happen_ms=20))
    assert [found["kind"] for found in store.redemptions(connection, 10)] == ["redemption", "coupon"]
