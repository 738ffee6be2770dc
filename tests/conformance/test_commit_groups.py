"""Plans that reach a store together must end as if each had come alone, one after the other."""

from __future__ import annotations

import uuid
from random import Random
from typing import Any

import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.commit import (
    CHANGED,
    FAILED,
    FRESH,
    REFUSED,
    REPLAYED,
    REUSED,
    Operation,
    Other,
    Run,
    Text,
    commit,
    commit_group,
    results,
)

FINGERPRINTS = (b"0123456789abcdef", b"fedcba9876543210")
FAR = 4_102_444_800_000

Plan = list[Operation]


def use(tag: str, name: str, limit: int) -> Operation:
    return "C", Text(f"{tag}{name}"), Other(f"{tag}f:{name}"), limit


def record(tag: str, blob: bytes = b"x") -> Operation:
    return "L", Other(f"{tag}ledger"), Other(f"{tag}outbox"), blob


def withholding(tag: str, position: int) -> Plan:
    """Return a plan that has one of the first four positions never be handed out."""
    return [("J", Other(f"{tag}h:0"), position)]


def publication(tag: str, bound: int) -> Plan:
    """Return a plan that hands a position out, once for a customer."""
    buckets, pages = Run((f"{tag}h:0", f"{tag}h:1", f"{tag}h:2")), Run((f"{tag}p:0", f"{tag}p:1"))
    window = (4, 0, len(buckets.names), buckets, 16, 0, len(pages.names), pages)
    return [
        ("N", Text(f"{tag}x"), 1, bound, *window, "", "", 0, 0, b"rec"),
        ("G", Text(f"{tag}of"), Other(f"{tag}further")),
    ]


def operation_of(random: Random, tag: str, active: dict[str, set[int]]) -> Operation:
    """Return an operation on one of few keys, so that plans meet; what is given back is there to be given back."""
    slot, limit, name = random.randint(1, 4), random.randint(1, 4), random.choice("nm")
    taken = [(name, slot) for name, slots in active.items() for slot in sorted(slots)]
    if taken and random.random() < 0.25:
        name, slot = random.choice(taken)
        more = random.choice([(Other(f"{tag}f:{name}"),), ()])
        return "U" if more else "K", Text(f"{tag}{name}"), *more, slot
    return random.choice(
        [
            use(tag, name, limit),
            use(tag, name, limit),
            ("P", Text(f"{tag}day"), Other(f"{tag}f:day"), limit, FAR),
            ("M", Text(f"{tag}sum"), random.randint(0, 6), 10, 0),
            ("B", Other(f"{tag}p:0"), slot, 15, random.randint(0, 1)),
            ("Z", Other(f"{tag}p:0"), slot),
            ("F", Other(f"{tag}p:0"), slot, 15, Text(f"{tag}further:{slot}"), Other(f"{tag}f:further:{slot}"), limit),
            ("F", Other(f"{tag}p:0"), slot, 15, Text(f"{tag}further:{slot}"), Other(f"{tag}f:further:{slot}"), limit),
            ("A", Text(f"{tag}override")),
            ("E", Text(f"{tag}override"), b"\x02"),
            ("H", Text(f"{tag}override"), b"\x02", 0),
            ("O", Other(f"{tag}once"), slot),
            ("A", Text(f"{tag}hold")),
            ("E", Text(f"{tag}hold"), b"\x01"),
            ("H", Text(f"{tag}hold"), b"\x01", 60_000),
            ("D", Text(f"{tag}hold")),
            ("R", Text(f"{tag}of")),
        ]
    )


def plan_of(random: Random, tag: str, active: dict[str, set[int]]) -> Plan:
    """Return a plan as the engine could make it: each use is given back once."""
    body = {repr(operation): operation for operation in (operation_of(random, tag, active) for _ in range(3))}
    plan = list(body.values())[: random.randint(1, 3)]
    if random.random() < 0.5:
        plan.insert(0, ("I", Text(f"{tag}i:{random.choice('ab')}"), random.choice(FINGERPRINTS), 60_000))
    if random.random() < 0.2:
        plan += withholding(tag, random.randint(0, 3))
    if random.random() < 0.5:
        plan += publication(tag, random.randint(1, 8))
    return [*plan, record(tag)]


def follow(active: dict[str, set[int]], tag: str, plan: Plan, answer: list[Any]) -> None:
    """Bring the slots that are in use up to date with a plan."""
    if answer[0] != FRESH:
        return
    limits = [operation for operation in plan if operation[0] in "CPKUMWBZF"]
    for operation, result in zip(limits, answer[2].decode().split(","), strict=False):
        letter, key, slot = operation[0], operation[1], int(result.split(":")[0])
        if letter == "F":
            # The first use is the bit, which the counter's slot 1 stands for.
            key = operation[4]
        if letter in "CP" or (letter == "F" and slot > 1):
            active.setdefault(key.name[len(tag) :], set()).add(slot)
        elif letter == "U":
            active[key.name[len(tag) :]].discard(slot)


def without_places(answer: list[Any]) -> list[Any]:
    """Return an answer without the ledger id, which is a time."""
    return [answer[0], *([answer[2]] if answer[0] == FRESH else [] if answer[0] == REPLAYED else answer[1:])]


FURTHER = tuple(f"further:{offset}" for offset in range(1, 5))
"""Counters of the uses that codes have beyond their bits."""

KEYS: dict[str, tuple[str, ...]] = {
    "GET": ("n", "m", "day", "sum", "hold", "of", "x", "p:0", "p:1", "once", "override", *FURTHER),
    "PTTL": ("day", "hold", "n", "override", *FURTHER),
    "ZRANGE": ("f:n", "f:m", "f:day", *(f"f:{name}" for name in FURTHER)),
    "HGETALL": ("h:0", "h:1", "h:2"),
    "LRANGE": ("further",),
    "XRANGE": ("ledger",),
}
"""What plans write, and how it is read."""


def state(store: redis.Redis, tag: str) -> list[Any]:
    """Return all that a partition holds, but for times."""
    pipeline = store.pipeline(transaction=False)
    for command, keys in KEYS.items():
        rest = {"ZRANGE": (0, -1), "LRANGE": (0, -1), "XRANGE": ("-", "+")}.get(command, ())
        for key in keys:
            pipeline.execute_command(command, tag + key, *rest)
    found = [_without_tail(value) for value in pipeline.execute()]
    times = slice(len(KEYS["GET"]), len(KEYS["GET"]) + len(KEYS["PTTL"]))
    found[times] = [time > 0 for time in found[times]]
    return [*found[:-1], [fields[b"o"] for _, fields in found[-1]]]


def _without_tail(value: Any) -> Any:
    """Return a string without trailing zero bytes: how long a page of bits is does not matter."""
    return value.rstrip(b"\0") if isinstance(value, bytes) else value


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), groups=st.integers(1, 3), size=st.integers(1, 6))
def test_a_group_ends_as_its_plans_would_one_by_one(
    store: redis.Redis, tag: str, seed: int, groups: int, size: int
) -> None:
    random = Random(seed)
    run = uuid.uuid4().hex
    alone, together = f"{tag}{run}:a:", f"{tag}{run}:t:"
    active: dict[str, set[int]] = {}
    for _ in range(groups):
        group: list[Plan] = []
        expected = []
        for _ in range(size):
            group.append(plan_of(random, "@", active))
            expected.append(commit(store, *named(group[-1], alone)))
            follow(active, "@", group[-1], expected[-1])
        answers = commit_group(store, *(named(plan, together) for plan in group))
        assert list(map(without_places, answers)) == list(map(without_places, expected))
        assert state(store, together) == state(store, alone)


def named(plan: Plan, tag: str) -> Plan:
    """Return a plan with the partition of its keys filled in."""

    def filled(argument: Any) -> Any:
        if isinstance(argument, Run):
            return Run(tuple(tag + name[1:] for name in argument.names))
        return type(argument)(tag + argument.name[1:]) if isinstance(argument, Text | Other) else argument

    return [tuple(map(filled, operation)) for operation in plan]


def test_a_refused_plan_leaves_nothing_for_those_after_it(store: redis.Redis, tag: str) -> None:
    commit(store, use(tag, "full", 1))
    greedy: Plan = [use(tag, "n", 9), use(tag, "new", 9), ("M", Text(f"{tag}sum"), 8, 10, 0), use(tag, "full", 1)]
    modest: Plan = [use(tag, "n", 9), ("M", Text(f"{tag}sum"), 8, 10, 0), record(tag)]
    first, refused, second = commit_group(store, [use(tag, "n", 9)], greedy, modest)
    assert refused == [REFUSED, 4]
    assert results(first) == [(1, 1, 1)]
    assert results(second) == [(2, 2, 2), (0, 1, 8)]
    assert store.exists(f"{tag}new") == 0
    assert store.get(f"{tag}n") == b"2:2:0"


def test_a_repeat_in_the_same_group_gets_the_first_answer(store: redis.Redis, tag: str) -> None:
    def call(fingerprint: bytes) -> Plan:
        return [("I", Text(f"{tag}i"), fingerprint, 60_000), use(tag, "n", 9), record(tag)]

    first, repeat, other = commit_group(store, call(FINGERPRINTS[0]), call(FINGERPRINTS[0]), call(FINGERPRINTS[1]))
    assert repeat == [REPLAYED, first[1]]
    assert other == [REUSED]
    assert store.get(f"{tag}n") == b"1:1:0"
    assert store.xlen(f"{tag}ledger") == store.xlen(f"{tag}outbox") == 1


def test_a_plan_that_fails_does_not_touch_its_neighbours(store: redis.Redis, tag: str) -> None:
    store.set(f"{tag}p", "no bitmap but text")
    store.lpush(f"{tag}list", "no text")
    broken: Plan = [use(tag, "n", 9), ("B", Other(f"{tag}list"), 1, 63, 0), record(tag)]
    before, failed, after = commit_group(
        store, [use(tag, "n", 9), record(tag)], broken, [use(tag, "n", 9), record(tag)]
    )
    assert failed[0] == FAILED
    assert b"WRONGTYPE" in failed[1]
    assert results(before) == [(1, 1, 1)]
    assert results(after) == [(2, 2, 2)]
    assert store.xlen(f"{tag}ledger") == 2


def test_limits_are_shared_to_the_last_use_within_a_group(store: redis.Redis, tag: str) -> None:
    answers = commit_group(store, *([use(tag, "n", 50), record(tag)] for _ in range(64)))
    assert [answer[0] for answer in answers] == [FRESH] * 50 + [REFUSED] * 14
    assert store.get(f"{tag}n") == b"50:50:0"
    assert store.xlen(f"{tag}ledger") == 50


def further_use(tag: str, limit: int) -> Operation:
    return "F", Other(f"{tag}p:0"), 3, 15, Text(f"{tag}further"), Other(f"{tag}f:further"), limit


def test_uses_beyond_a_bit_are_counted_with_it_and_undone_with_their_plan(store: redis.Redis, tag: str) -> None:
    commit(store, use(tag, "full", 1))
    refused: Plan = [further_use(tag, 9), further_use(tag, 8), use(tag, "full", 1)]
    answers = commit_group(store, refused, *([further_use(tag, 3), record(tag)] for _ in range(2)), refused)
    assert [answer[0] for answer in answers] == [REFUSED, FRESH, FRESH, REFUSED]
    assert [results(answer) for answer in answers[1:3]] == [[(1, 0, 1)], [(2, 1, 2)]]
    assert store.get(f"{tag}further") == b"2:1:0"
    answers = commit_group(store, *([further_use(tag, 3), record(tag)] for _ in range(2)))
    assert [answer[0] for answer in answers] == [FRESH, REFUSED]
    assert store.getbit(f"{tag}p:0", 3) == 1
    assert store.get(f"{tag}further") == b"3:2:0"


def test_a_bit_that_is_given_back_is_the_first_to_be_taken_again(store: redis.Redis, tag: str) -> None:
    take, give = further_use(tag, 2), ("Z", Other(f"{tag}p:0"), 3)
    answers = commit_group(store, [take], [take], [take], [give], [take], [take])
    assert [answer[0] for answer in answers] == [FRESH, FRESH, REFUSED, FRESH, FRESH, REFUSED]
    assert results(answers[4]) == [(1, 0, 1)]
    assert store.get(f"{tag}further") == b"2:1:0"


def test_plans_see_records_that_plans_before_them_in_their_group_kept(store: redis.Redis, tag: str) -> None:
    key = Text(f"{tag}override")
    edit: Plan = [("A", key), ("H", key, b"\x02", 0)]
    answers = commit_group(store, [("A", key), use(tag, "n", 9)], edit, edit, [("A", key)], [("E", key, b"\x02")])
    assert [answer[0] for answer in answers] == [FRESH, FRESH, CHANGED, CHANGED, FRESH]
    assert store.get(key.name) == b"\x02"
    assert store.pttl(key.name) == -1


def test_a_withheld_position_is_not_handed_out_to_plans_of_its_group(store: redis.Redis, tag: str) -> None:
    withhold: Plan = [*withholding(tag, 0), record(tag)]
    refused: Plan = [*withholding(tag, 1), use(tag, "full", 0)]
    answers = commit_group(store, withhold, refused, publication(tag, 8), publication(tag, 8))
    assert [answer[0] for answer in answers] == [FRESH, REFUSED, FRESH, FRESH]
    assert [answer[2] for answer in answers[2:]] == [b"1", b"2"]
    assert store.hget(f"{tag}h:0", "0") == b"-"
    # What was handed out before stays handed out.
    commit(store, *withholding(tag, 1))
    assert store.hget(f"{tag}h:0", "1") != b"-"
