"""What `promo ledger tail` shows while calls in progress commit."""

from __future__ import annotations

import pytest
from support.scripted_server import ScriptedServer

from promo.client import PromoClient
from promo.client.methods import LIST_REDEMPTIONS
from promo.v1.redemption_pb2 import Redemption
from promo.v1.redemption_service_pb2 import ListRedemptionsRequest, ListRedemptionsResponse
from promo_server.cli import ledger_tail
from promo_server.cli.ledger_tail import Seen, _last, _new

pytestmark = pytest.mark.asyncio

NOW = 1_800_000_000


def entry(name: str, seconds_ago: int) -> Redemption:
    made = Redemption(id=name)
    made.redeem_time.FromSeconds(NOW - seconds_ago)
    return made


def page(*entries: Redemption, token: str = "") -> ListRedemptionsResponse:
    return ListRedemptionsResponse(redemptions=entries, next_page_token=token)


@pytest.mark.parametrize("last", [0, 1, 10])
async def test_what_commits_late_is_shown_and_nothing_twice(last: int) -> None:
    there = [entry("r4", 0), entry("r3", 5), entry("r2", 12), entry("r1", 60)]
    async with ScriptedServer() as server, PromoClient.connect(server.address, key="a:b") as client:
        server.script(
            LIST_REDEMPTIONS,
            page(*there[:2], token="more"),
            page(*there[2:], token="even more" if last < 10 else ""),
            page(entry("r5", -1), there[0], entry("late", 7), there[1]),
            page(entry("r6", -1), entry("r5", -1), there[0], entry("late", 7), there[1]),
        )
        seen = {"redemption": Seen()}
        shown = await _last(client, seen, last)  # type: ignore[arg-type]
        assert [one.id for _, one in shown] == ["r4", "r3", "r2", "r1"][:last]
        looks = [await _new(client, seen) for _ in range(2)]  # type: ignore[arg-type]
    assert [[one.id for _, one in look] for look in looks] == [["r5", "late"], ["r6"]]


async def test_a_look_goes_no_further_back_than_some_entries_however_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger_tail, "_MOST", 3)
    there = [entry(f"r{ago}", ago) for ago in range(6)]
    async with ScriptedServer() as server, PromoClient.connect(server.address, key="a:b") as client:
        server.script(
            LIST_REDEMPTIONS,
            page(*there, token="more"),
            page(entry("new", -1), *there[:3]),
            page(entry("newer", -2), entry("new", -1), *there[:2]),
        )
        seen = {"redemption": Seen()}
        assert [one.id for _, one in await _last(client, seen, 1)] == ["r0"]  # type: ignore[arg-type]
        looks = [await _new(client, seen) for _ in range(2)]  # type: ignore[arg-type]
        calls = [ListRedemptionsRequest.FromString(call.body) for call in server.calls[LIST_REDEMPTIONS.path]]
    assert [[one.id for _, one in look] for look in looks] == [["new"], ["newer"]]
    # The first look asked for no second page; each that follows begins after the fourth entry that is known.
    assert [call.page_token for call in calls] == ["", "", ""]
    assert [call.filter[-6:] for call in calls[1:]] == ["7.001Z", "8.001Z"]
