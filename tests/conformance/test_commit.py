"""What every store must do with a commit: all guards first, then all writes, or nothing."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.commit import (
    CHANGED,
    FAILED,
    FOUND,
    FRESH,
    MOVED,
    READ,
    REFUSED,
    REPLAYED,
    REUSED,
    STALE,
    Other,
    Run,
    Text,
    commit,
    commit_group,
    results,
)
from support.store_nodes import cluster

FINGERPRINT = b"0123456789abcdef"
OTHER_FINGERPRINT = b"fedcba9876543210"


def use(tag: str, name: str, limit: int) -> tuple[Any, ...]:
    return "C", Text(f"{tag}{name}"), Other(f"{tag}f:{name}"), limit


def give_back(tag: str, name: str, slot: int) -> tuple[Any, ...]:
    return "U", Text(f"{tag}{name}"), Other(f"{tag}f:{name}"), slot


def record(tag: str, blob: bytes = b"x") -> tuple[Any, ...]:
    return "L", Other(f"{tag}ledger"), Other(f"{tag}outbox"), blob


def names(store: redis.Redis, tag: str) -> set[bytes]:
    return set(store.keys(f"{tag}*"))


def test_uses_take_the_lowest_free_slot_up_to_the_limit(store: redis.Redis, tag: str) -> None:
    slots = [results(commit(store, use(tag, "n", 3)))[0] for _ in range(3)]
    assert slots == [(1, 1, 1), (2, 2, 2), (3, 3, 3)]
    assert commit(store, use(tag, "n", 3)) == [REFUSED, 1]
    assert results(commit(store, give_back(tag, "n", 2))) == [(2, 4, 2)]
    assert results(commit(store, use(tag, "n", 3))) == [(2, 5, 3)]
    assert commit(store, use(tag, "n", 3)) == [REFUSED, 1]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_slots_are_those_of_a_set_of_free_numbers(store: redis.Redis, tag: str, data: st.DataObject) -> None:
    """Several uses and returns per commit, in any order, against the obvious model."""
    name = uuid.uuid4().hex
    limit = data.draw(st.integers(1, 6))
    active: set[int] = set()
    for _ in range(data.draw(st.integers(1, 12))):
        operations, expected, now = [], [], set(active)
        for is_use in data.draw(st.lists(st.booleans(), min_size=1, max_size=4)):
            if is_use:
                operations.append(use(tag, name, limit))
                slot = min(set(range(1, 100)) - now)
                now.add(slot)
            elif now:
                slot = data.draw(st.sampled_from(sorted(now)))
                now.remove(slot)
                operations.append(give_back(tag, name, slot))
            else:
                continue
            expected.append((slot, len(now)))
        if not operations:
            continue
        answer = commit(store, *operations)
        refused_at = next((n for n, (_, total) in enumerate(expected, 1) if total > limit), None)
        if refused_at is not None:
            assert answer == [REFUSED, refused_at]
            continue
        assert [(slot, total) for slot, _, total in results(answer)] == expected
        active = now
    used, _, free = map(int, (store.get(f"{tag}{name}") or b"0:0:0").split(b":"))
    assert used == len(active)
    waiting = {int(slot) for slot in store.zrange(f"{tag}f:{name}", 0, -1)}
    assert len(waiting) == free
    assert waiting | active == set(range(1, used + free + 1))


def test_a_refusal_by_the_last_guard_leaves_nothing_of_the_others(store: redis.Redis, tag: str) -> None:
    commit(store, use(tag, "full", 1))
    before = names(store, tag)
    operations = [
        ("I", Text(f"{tag}i"), FINGERPRINT, 60_000),
        use(tag, "n", 5),
        ("M", Text(f"{tag}m"), 100, 1_000, 0),
        ("B", Other(f"{tag}p"), 7, 63, 0),
        ("O", Other(f"{tag}o"), 3),
        ("H", Text(f"{tag}h"), b"hold", 60_000),
        ("S", Other(f"{tag}s"), 5, "member"),
        record(tag),
    ]
    for place in range(len(operations) + 1):
        stack = [*operations[:place], use(tag, "full", 1), *operations[place:]]
        assert commit(store, *stack) == [REFUSED, place + 1]
    assert names(store, tag) == before
    assert store.get(f"{tag}full") == b"1:1:0"
    assert commit(store, *operations)[0] == FRESH


def test_budgets_are_spent_to_the_last_unit(store: redis.Redis, tag: str) -> None:
    def spend(amount: int, held: int = 0) -> list[Any]:
        return commit(store, ("M", Text(f"{tag}m"), amount, 10**15, held))

    assert results(spend(10**15 - 1)) == [(0, 1, 10**15 - 1)]
    assert spend(2) == [REFUSED, 1]
    assert results(spend(1)) == [(0, 2, 10**15)]
    assert results(spend(0)) == [(0, 3, 10**15)]
    # What a hold has taken is its owner's to spend, and the rest of it goes back.
    assert results(spend(5, held=10)) == [(0, 4, 10**15 - 5)]
    assert results(commit(store, ("W", Text(f"{tag}m"), 10**15 - 5))) == [(0, 5, 0)]


def test_a_budget_that_was_lost_is_not_given_back_to_and_begins_anew(store: redis.Redis, tag: str) -> None:
    assert results(commit(store, ("W", Text(f"{tag}m"), 500), record(tag))) == [(0, 0, 0)]
    assert store.exists(f"{tag}m") == 0
    assert results(commit(store, ("M", Text(f"{tag}m"), 100, 1_000, 0))) == [(0, 1, 100)]
    # What was spent before the loss comes back all the same, and cannot be spent twice.
    assert results(commit(store, ("W", Text(f"{tag}m"), 500))) == [(0, 2, 0)]
    assert results(commit(store, ("M", Text(f"{tag}m"), 50, 1_000, 80))) == [(0, 3, 0)]
    assert commit(store, ("M", Text(f"{tag}m"), 1_001, 1_000, 0)) == [REFUSED, 1]


def test_a_number_below_zero_counts_as_none_and_heals(store: redis.Redis, tag: str) -> None:
    store.mset({f"{tag}m": "-500:1", f"{tag}n": "-2:7:-1"})
    assert commit(store, ("M", Text(f"{tag}m"), 1_001, 1_000, 0)) == [REFUSED, 1]
    assert results(commit(store, ("M", Text(f"{tag}m"), 1_000, 1_000, 0), use(tag, "n", 1))) == [
        (0, 2, 1_000),
        (1, 8, 1),
    ]
    assert commit(store, use(tag, "n", 1)) == [REFUSED, 1]


def test_a_counter_that_lost_uses_or_slots_given_back_goes_on(store: redis.Redis, tag: str) -> None:
    store.mset({f"{tag}lost": "0:3:0", f"{tag}n": "1:5:2"})
    assert results(commit(store, give_back(tag, "lost", 3))) == [(3, 4, 0)]
    assert results(commit(store, use(tag, "lost", 1))) == [(1, 5, 1)]
    # Two slots were given back, but which is not known any more: none that may be somebody's is taken.
    assert [results(commit(store, use(tag, "n", 3)))[0] for _ in range(2)] == [(4, 6, 2), (5, 7, 3)]
    assert commit(store, use(tag, "n", 3)) == [REFUSED, 1]
    for slot in (3, 5):
        assert commit(store, give_back(tag, "n", slot))[0] == FRESH
        assert results(commit(store, use(tag, "n", 3)))[0][::2] == (slot, 3)
    assert commit(store, use(tag, "n", 3)) == [REFUSED, 1]


def test_a_use_that_was_lost_frees_nobody_elses_slot(store: redis.Redis, tag: str) -> None:
    # Three uses were taken, and the store has lost the last two of them.
    store.set(f"{tag}n", "1:1:0")
    assert results(commit(store, give_back(tag, "n", 3))) == [(3, 2, 1)]
    assert [results(commit(store, use(tag, "n", 3)))[0] for _ in range(2)] == [(2, 3, 2), (3, 4, 3)]
    assert commit(store, use(tag, "n", 3)) == [REFUSED, 1]


def test_a_slot_that_is_free_is_not_given_back_again(store: redis.Redis, tag: str) -> None:
    for _ in range(3):
        commit(store, use(tag, "n", 3))
    assert results(commit(store, give_back(tag, "n", 1), give_back(tag, "n", 1))) == [(1, 4, 2), (1, 5, 2)]
    assert results(commit(store, give_back(tag, "n", 1))) == [(1, 6, 2)]
    assert results(commit(store, use(tag, "n", 3))) == [(1, 7, 3)]
    assert commit(store, use(tag, "n", 3)) == [REFUSED, 1]


def test_a_counter_of_further_uses_without_any_counts_as_none(store: redis.Redis, tag: str) -> None:
    store.set(f"{tag}c", "-3:4:0")
    further = ("F", Other(f"{tag}p"), 1, 63, Text(f"{tag}c"), Other(f"{tag}f:c"), 2)
    assert results(commit(store, further)) == [(1, 0, 1)]
    assert results(commit(store, further)) == [(2, 5, 2)]
    assert commit(store, further) == [REFUSED, 1]


def test_guards_see_what_the_ones_before_them_took(store: redis.Redis, tag: str) -> None:
    money = ("M", Text(f"{tag}m"), 60, 100, 0)
    assert commit(store, money, money) == [REFUSED, 2]
    assert commit(store, use(tag, "n", 2), use(tag, "n", 2), use(tag, "n", 2)) == [REFUSED, 3]
    bit = ("B", Other(f"{tag}p"), 1, 63, 0)
    assert commit(store, bit, bit) == [REFUSED, 2]
    assert names(store, tag) == set()


def test_a_request_id_is_kept_with_its_answer(store: redis.Redis, tag: str) -> None:
    def call(fingerprint: bytes, limit: int = 1) -> list[Any]:
        return commit(store, ("I", Text(f"{tag}i"), fingerprint, 60_000), use(tag, "n", limit), record(tag))

    [_, place, _] = call(FINGERPRINT)
    assert call(FINGERPRINT) == [REPLAYED, place]
    assert call(OTHER_FINGERPRINT) == [REUSED]
    assert store.xlen(f"{tag}ledger") == store.xlen(f"{tag}outbox") == 1
    assert 0 < store.pttl(f"{tag}i") <= 60_000


def test_a_request_id_that_is_kept_in_several_places_is_found_in_any(store: redis.Redis, tag: str) -> None:
    """Each says in which place the records are, whichever is asked later."""

    def call(fingerprint: bytes, home: bytes, *places: str) -> list[Any]:
        marks = [("I", Text(f"{tag}{place}"), fingerprint + home, 60_000) for place in places]
        return commit(store, *marks, use(tag, "n", 9), record(tag))

    [_, place, _] = call(FINGERPRINT, b"\x02", "i:1", "i:2", "i:3")
    for asked in (["i:3"], ["i:0", "i:2"], ["i:1", "i:0"]):
        assert call(FINGERPRINT, b"\x07", *asked) == [REPLAYED, b"\x02" + place]
        assert call(OTHER_FINGERPRINT, b"\x02", *asked) == [REUSED]
    assert store.get(f"{tag}n") == b"1:1:0"
    assert all(0 < store.pttl(f"{tag}i:{n}") <= 60_000 for n in (1, 2, 3))


def test_definitions_records_and_absences_are_compared(store: redis.Redis, tag: str) -> None:
    store.set(f"{tag}v", "7")
    store.set(f"{tag}r", b"record\x00bytes")
    version, unchanged, absent = (
        {n: ("V", Text(f"{tag}v"), n) for n in (6, 7, 8)},
        ("E", Text(f"{tag}r"), b"record\x00bytes"),
        ("A", Text(f"{tag}a")),
    )
    assert commit(store, version[7], unchanged, absent, use(tag, "n", 9))[0] == FRESH
    assert commit(store, version[6], use(tag, "n", 9)) == [STALE]
    assert commit(store, ("V", Text(f"{tag}none"), 7), use(tag, "n", 9)) == [STALE]
    assert commit(store, ("E", Text(f"{tag}r"), b"record"), use(tag, "n", 9)) == [CHANGED]
    assert commit(store, ("A", Text(f"{tag}r")), use(tag, "n", 9)) == [CHANGED]
    assert commit(store, ("R", Text(f"{tag}r")), use(tag, "n", 9)) == [FOUND, b"record\x00bytes"]
    assert store.get(f"{tag}n") == b"1:1:0"
    # Whoever published a newer definition may not have come to every place yet.
    assert commit(store, version[8], use(tag, "n", 9))[0] == FRESH


def test_single_use_bits_are_set_once_and_their_page_at_its_size(store: redis.Redis, tag: str) -> None:
    def take(offset: int, held: int = 0) -> list[Any]:
        return commit(store, ("B", Other(f"{tag}p"), offset, 1_023, held))

    assert results(take(5)) == [(1, 0, 1)]
    assert store.strlen(f"{tag}p") == 128
    assert take(5) == [REFUSED, 1]
    assert take(5, held=1)[0] == FRESH
    assert results(commit(store, ("Z", Other(f"{tag}p"), 5))) == [(1, 0, 0)]
    assert take(5)[0] == FRESH
    assert store.bitcount(f"{tag}p") == 1


def test_what_is_done_once_is_refused_the_second_time(store: redis.Redis, tag: str) -> None:
    once = ("O", Other(f"{tag}o"), 2)
    assert commit(store, once, ("T", Other(f"{tag}o"), 60_000))[0] == FRESH
    assert commit(store, once, use(tag, "n", 9)) == [REFUSED, 1]
    assert 0 < store.pttl(f"{tag}o") <= 60_000


def test_what_a_failover_lost_cannot_be_given_back_below_nothing(store: redis.Redis, tag: str) -> None:
    assert results(commit(store, use(tag, "n", 9))) == [(1, 1, 1)]
    assert results(commit(store, give_back(tag, "n", 1))) == [(1, 2, 0)]
    assert results(commit(store, give_back(tag, "n", 2))) == [(2, 3, 0)]
    assert results(commit(store, use(tag, "n", 9))) == [(1, 4, 1)]
    assert results(commit(store, ("M", Text(f"{tag}m"), 500, 900, 0))) == [(0, 1, 500)]
    assert results(commit(store, ("W", Text(f"{tag}m"), 700))) == [(0, 2, 0)]
    assert results(commit(store, ("M", Text(f"{tag}m"), 900, 900, 0))) == [(0, 3, 900)]


def test_counters_of_a_period_end_with_it_and_their_free_slots_too(store: redis.Redis, tag: str) -> None:
    end = int(time.time() * 1_000) + 600_000
    period = ("P", Text(f"{tag}d"), Other(f"{tag}f:d"), 3, end)
    assert [results(commit(store, period))[0][0] for _ in range(3)] == [1, 2, 3]
    assert commit(store, period) == [REFUSED, 1]
    commit(store, give_back(tag, "d", 1))
    assert store.pexpiretime(f"{tag}d") == store.pexpiretime(f"{tag}f:d") == end
    assert results(commit(store, ("K", Text(f"{tag}d"), 2))) == [(2, 5, 2)]
    assert store.pexpiretime(f"{tag}d") == end
    store.delete(f"{tag}d", f"{tag}f:d")
    # A period that was collected has nothing to give back to, and does not come back.
    assert results(commit(store, give_back(tag, "d", 2))) == [(2, 0, 0)]
    assert names(store, tag) == set()


def test_slots_given_back_for_good_stay(store: redis.Redis, tag: str) -> None:
    for _ in range(3):
        commit(store, use(tag, "n", 3))
    commit(store, give_back(tag, "n", 1))
    assert store.ttl(f"{tag}f:n") == -1


def test_a_refusal_tells_of_holds_that_are_overdue(store: redis.Redis, tag: str) -> None:
    commit(store, use(tag, "n", 1), ("S", Other(f"{tag}holds"), 1_000, "hold"))

    def ask(now_ms: int) -> list[Any]:
        return commit(store, ("X", Other(f"{tag}holds"), now_ms), use(tag, "n", 1))

    assert ask(999) == [REFUSED, 2]
    assert ask(1_000) == [REFUSED, 2, 1]
    commit(store, give_back(tag, "n", 1), ("Q", Other(f"{tag}holds"), "hold"))
    assert ask(1_000)[0] == FRESH


def test_a_record_is_kept_with_what_the_limits_answered(store: redis.Redis, tag: str) -> None:
    commit(store, use(tag, "n", 5), ("M", Text(f"{tag}m"), 7, 9, 0), ("H", Text(f"{tag}h"), b"\x01\x00", 60_000))
    assert store.get(f"{tag}h") == b"\x01\x001:1:1,0:1:7"
    commit(store, ("D", Text(f"{tag}h")))
    assert store.exists(f"{tag}h") == 0


def hand_out(
    store: redis.Redis,
    tag: str,
    count: int,
    bound: int,
    *,
    first: int = 0,
    buckets: int = 3,
    skips: str = "",
    looked: bytes = b"",
) -> list[Any]:
    """Hand positions out, from buckets of 4 positions beginning with number `first`, and pages of 16 bits."""
    first_page, end_page = first * 4 // 16, (first + buckets) * 4 // 16 + 1

    def run(kind: str, numbers: Iterable[int]) -> Run:
        return Run(tuple(f"{tag}{kind}:{number}" for number in numbers))

    found = [int(position) for position in looked.split(b",")[:-1]]
    bucket_keys, page_keys = run("h", range(first, first + buckets)), run("p", range(first_page, end_page))
    window = (4, first, buckets, bucket_keys, 16, first_page, end_page - first_page, page_keys)
    found_keys = run("h", (position // 4 for position in found)), run("p", (position // 16 for position in found))
    return commit(store, ("N", Text(f"{tag}x"), count, bound, *window, skips, looked, *found_keys, b"rec"))


def withhold(store: redis.Redis, tag: str, buckets: int, *fields: int) -> None:
    with store.pipeline(transaction=False) as pipe:
        for bucket in range(buckets):
            pipe.hset(f"{tag}h:{bucket}", mapping=dict.fromkeys(map(str, fields), "-"))
        pipe.execute()


def test_positions_are_handed_out_in_order_past_what_is_used_or_left_out(store: redis.Redis, tag: str) -> None:
    store.setbit(f"{tag}p:0", 2, 1)
    answer = hand_out(store, tag, 3, 100, skips="1")
    assert answer == [FRESH, b"", b"0,3,4"]
    assert store.get(f"{tag}x") == b"5:3"
    assert store.hgetall(f"{tag}h:0") == {b"0": b"0,3,4|rec", b"3": b">0"}
    assert store.hgetall(f"{tag}h:1") == {b"0": b">0"}


def test_a_campaign_without_enough_codes_says_how_many_are_left(store: redis.Redis, tag: str) -> None:
    assert hand_out(store, tag, 4, 5)[0] == FRESH
    assert hand_out(store, tag, 2, 5) == [REFUSED, 1]
    assert hand_out(store, tag, 1, 5)[0] == FRESH
    assert hand_out(store, tag, 1, 5) == [REFUSED, 0]
    # Of one that is over nothing is left, however far its cursor is.
    assert hand_out(store, tag, 1, 0) == [REFUSED, 0]


def test_a_cursor_that_leaves_the_buckets_moves_past_what_is_used(store: redis.Redis, tag: str) -> None:
    for position in range(30):
        store.setbit(f"{tag}p:{position // 16}", position % 16, 1)
    # All that is used of a page is passed over in one step, also beyond the buckets.
    assert hand_out(store, tag, 1, 100) == [MOVED, 16, b"16"]
    assert hand_out(store, tag, 1, 100, first=4) == [MOVED, 30, b"30"]
    assert hand_out(store, tag, 1, 100) == [MOVED, 30, b"30"]
    assert hand_out(store, tag, 1, 100, first=6)[2] == b"30"


def test_a_campaign_that_is_used_up_is_looked_through_once(store: redis.Redis, tag: str) -> None:
    for position in range(10):
        store.setbit(f"{tag}p:0", position, 1)
    assert hand_out(store, tag, 1, 10) == [REFUSED, 0]
    assert store.get(f"{tag}x") == b"10:0"
    # It may grow: what comes then is handed out from its first code on.
    assert hand_out(store, tag, 3, 12) == [REFUSED, 2]
    assert hand_out(store, tag, 2, 12)[2] == b"10,11"


def test_a_call_that_looks_for_long_lets_others_go_on(store: redis.Redis, tag: str) -> None:
    withhold(store, tag, 1_000, 1, 2, 3)
    store.mset({f"{tag}p:{page}": b"\x88\x88" for page in range(250)})
    store.setbit(f"{tag}p:0", 0, 0)
    # The first position is free, the first of every other bucket used.
    several = [MOVED, 0, b"0,2000"], [MOVED, 0, b"0,3999"], [FRESH, b"", b"0,4000"]
    looked = b""
    for expected in several:
        answer = hand_out(store, tag, 2, 10_000, buckets=1_001, looked=looked)
        assert answer == expected
        looked = answer[2]
    store.set(f"{tag}x", "1:1")
    assert hand_out(store, tag, 1, 10_000, buckets=1_001) == [MOVED, 2_001, b"2001"]
    assert hand_out(store, tag, 1, 10_000, buckets=1_001) == [MOVED, 4_001, b"4001"]
    assert hand_out(store, tag, 1, 10_000, buckets=1_001)[2] == b"4001"


def test_what_was_found_is_handed_out_from_buckets_that_lie_far_behind(store: redis.Redis, tag: str) -> None:
    store.mset({f"{tag}p:{page}": b"\xff\xff" for page in range(60)})
    store.setbit(f"{tag}p:0", 3, 0)
    store.setbit(f"{tag}p:30", 1, 0)
    answers, looked = [], b""
    while not answers or answers[-1][0] == MOVED:
        first = int(looked.rpartition(b",")[2] or 0) // 4
        answers.append(hand_out(store, tag, 3, 1_000, first=first, buckets=100, looked=looked))
        looked = answers[-1][2]
    assert answers[:-1] == [[MOVED, 3, b"3,400"], [MOVED, 3, b"3,481,800"]]
    assert answers[-1] == [FRESH, b"", b"3,481,960"]
    assert store.get(f"{tag}x") == b"961:3"
    assert store.hgetall(f"{tag}h:0") == {b"3": b"3,481,960|rec"}
    assert store.hgetall(f"{tag}h:120") == {b"1": b">3"}
    assert store.hgetall(f"{tag}h:240") == {b"0": b">3"}


def test_what_was_found_and_is_taken_by_now_is_not_handed_out(store: redis.Redis, tag: str) -> None:
    assert hand_out(store, tag, 2, 100, looked=b"5")[2] == b"5,6"
    store.hset(f"{tag}h:1", "3", "-")
    store.setbit(f"{tag}p:0", 8, 1)
    # Others have published 5 and 6, and 9 was left out.
    assert hand_out(store, tag, 2, 100, skips="9", looked=b"3,5,6,7,8,9,10")[2] == b"10,11"


def test_a_bucket_without_a_free_position_costs_one_look(store: redis.Redis, tag: str) -> None:
    withhold(store, tag, 600, 0, 1, 2, 3)
    assert hand_out(store, tag, 1, 10_000, buckets=601)[2] == b"2400"
    assert hand_out(store, tag, 1, 2_401, buckets=601) == [REFUSED, 0]


def test_bits_that_plans_of_one_call_set_are_passed_over_like_others(store: redis.Redis, tag: str) -> None:
    page, holders = Other(f"{tag}p:0"), Other(f"{tag}h:0")
    uses = [("B", page, offset, 15, 0) for offset in (0, 1, 3)]
    publication = ("N", Text(f"{tag}x"), 3, 9, 16, 0, 1, holders, 16, 0, 1, page, "", "", 0, 0, b"rec")
    [_, answer] = commit_group(store, uses, [publication])
    assert answer[2] == b"2,4,5"


def test_first_positions_after_the_first_go_into_a_list(store: redis.Redis, tag: str) -> None:
    window = (4, 0, 1, Other(f"{tag}h:0"), 16, 0, 0, Other(f"{tag}p:0"))
    note = ("G", Text(f"{tag}c"), Other(f"{tag}cf"))
    for _ in range(3):
        assert commit(store, ("N", Text(f"{tag}x"), 1, 9, *window, "", "", 0, 0, b"rec"), note)[0] == FRESH
    assert store.get(f"{tag}c") == b"0"
    assert store.lrange(f"{tag}cf", 0, -1) == [b"1", b"2"]


def test_what_is_free_before_the_end_of_the_buckets_is_not_lost(store: redis.Redis, tag: str) -> None:
    for position in (0, 1, 2, *range(4, 11)):
        store.setbit(f"{tag}p:0", position, 1)
    assert hand_out(store, tag, 3, 100) == [MOVED, 3, b"3,11,12"]
    assert hand_out(store, tag, 3, 100, buckets=6, looked=b"3,11,12")[2] == b"3,11,12"


def test_a_read_sees_strings_bits_and_fields_at_one_instant(store: redis.Redis, tag: str) -> None:
    store.set(f"{tag}s", "text")
    store.setbit(f"{tag}b", 3, 1)
    store.hset(f"{tag}h", "f", "value")
    keys = [f"{tag}{name}" for name in ("s", "b", "h", "h", "none")]
    answer = store.execute_command("FCALL_RO", READ, len(keys), *keys, "s", "b3", "hf", "hg", "s")
    assert answer == [b"text", 1, b"value", None, None]


def test_an_unknown_operation_fails_its_plan_and_writes_nothing(store: redis.Redis, tag: str) -> None:
    [status, text] = commit(store, use(tag, "n", 1), ("?",))
    assert status == FAILED
    assert b"unknown operation ?" in text
    assert names(store, tag) == set()


@pytest.mark.cluster
def test_keys_of_two_partitions_are_refused_by_a_cluster(tmp_path: Path, tag: str) -> None:
    """So whoever builds a commit over two partitions hears of it before it is in use."""
    with cluster(tmp_path) as nodes:
        own = nodes.get_redis_connection(nodes.get_node_from_key(f"{tag}n"))
        assert commit(own, use(tag, "n", 1))[0] == FRESH
        with pytest.raises(redis.ResponseError, match="same slot"):
            commit(own, use(tag, "n", 1), use("{another:01}", "n", 1))
