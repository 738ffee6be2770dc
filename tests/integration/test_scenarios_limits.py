"""Limits under real concurrency: exactly min(limit, attempts) succeed, and ledger and counters agree.

The numbers C1 to C25 are those of tests/README.md.
"""

from __future__ import annotations

import uuid
from collections import Counter

import pytest
from support.fleet import Fleet
from support.server_process import ServerProcess
from support.shop import CART, OFF, OK, codes_of, new_campaign, race
from support.truth import account_of, store_of

from promo.client import Campaign, Limits, PromoClient, amount_off, exceptions, item, order, redeem_request
from promo_server.store import keys

pytestmark = [pytest.mark.asyncio, pytest.mark.each_store]


def customer(number: int) -> str:
    return f"customer-{number}"


async def test_c1_of_two_checkouts_on_the_last_use_one_wins(server: ServerProcess, client: PromoClient) -> None:
    for _ in range(10):
        campaign = await new_campaign(client, Limits(per_campaign=1))
        [code] = await codes_of(client, campaign)
        endings = await race(client.redeem(codes=[code], order=CART, customer=customer(n)) for n in range(2))
        assert endings == {OK: 1, "CAMPAIGN_LIMIT_REACHED": 1}
        assert account_of(server, campaign).uses == 1


async def test_c2_limit_of_50_and_500_attempts_from_8_processes_is_exactly_50(
    server: ServerProcess, client: PromoClient, fleet: Fleet
) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=50))
    [code] = await codes_of(client, campaign)
    requests = [redeem_request(codes=[code], order=CART, customer=customer(n)) for n in range(500)]
    assert fleet.redeem(server, requests) == {OK: 50, "CAMPAIGN_LIMIT_REACHED": 450}
    assert account_of(server, campaign).uses == 50


async def test_c2_fewer_attempts_than_the_limit_all_succeed(
    server: ServerProcess, client: PromoClient, fleet: Fleet
) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=1_000, per_customer=2, discount_budget=200 * OFF))
    [code] = await codes_of(client, campaign)
    requests = [redeem_request(codes=[code], order=CART, customer=customer(n % 100)) for n in range(200)]
    assert fleet.redeem(server, requests) == {OK: 200}
    assert set(account_of(server, campaign).customers.values()) == {2}


@pytest.mark.slow
async def test_c2_ten_thousand_attempts_at_every_limit_at_once(
    server: ServerProcess, client: PromoClient, fleet: Fleet
) -> None:
    limits = Limits(per_campaign=1_500, per_customer=3, per_day=1_400, discount_budget=1_300 * OFF, per_code=7)
    campaign = await new_campaign(client, limits)
    codes = await codes_of(client, campaign, 500)
    requests = [redeem_request(codes=[codes[n % 500]], order=CART, customer=customer(n % 1_000)) for n in range(10_000)]
    endings = fleet.redeem(server, requests)
    assert endings[OK] == 1_300
    assert set(endings) <= {OK, "BUDGET_EXHAUSTED", "CODE_USES_EXHAUSTED", "CUSTOMER_LIMIT_REACHED"}
    account = account_of(server, campaign)
    assert (account.uses, account.discount) == (1_300, 1_300 * OFF)


async def test_c3_having_been_valid_a_moment_ago_grants_nothing(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=3))
    codes = await codes_of(client, campaign, 12)
    for code in codes:
        assert (await client.validate(codes=[code], order=CART)).valid
    endings = await race(client.redeem(codes=[code], order=CART) for code in codes)
    assert endings == {OK: 3, "CAMPAIGN_LIMIT_REACHED": 9}
    assert not (await client.validate(codes=codes[:1], order=CART)).valid
    assert account_of(server, campaign).uses == 3


async def test_c5_somebody_always_wins(server: ServerProcess, client: PromoClient) -> None:
    for limit in (1, 2, 7):
        campaign = await new_campaign(client, Limits(per_campaign=limit, per_day=limit, discount_budget=limit * OFF))
        codes = await codes_of(client, campaign, 30)
        endings = await race(client.redeem(codes=[code], order=CART) for code in codes)
        assert endings[OK] == limit
        assert account_of(server, campaign).uses == limit


async def test_c6_different_codes_share_the_limit_of_their_campaign(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_code=1, per_campaign=10))
    codes = await codes_of(client, campaign, 40)
    endings = await race(client.redeem(codes=[code], order=CART) for code in codes)
    assert endings == {OK: 10, "CAMPAIGN_LIMIT_REACHED": 30}
    account = account_of(server, campaign)
    assert set(account.codes.values()) == {1}


async def test_c7_spellings_of_one_code_are_one_code(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_code=1))
    [code] = await codes_of(client, campaign)
    spellings = [code, code.lower(), f"  {code} ", code.title(), code.swapcase()]
    endings = await race(client.redeem(codes=[spelling], order=CART) for spelling in spellings * 4)
    assert endings == {OK: 1, "CODE_USES_EXHAUSTED": 19}
    assert account_of(server, campaign).uses == 1
    assert await race([client.redeem(codes=[code, code.lower()], order=CART)]) == {"FIELD_INVALID": 1}


async def test_c8_one_burst_on_one_connection_uses_a_single_use_code_once(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_code=1))
    [code] = await codes_of(client, campaign)
    results = await client.batch_redeem([redeem_request(codes=[code], order=CART)] * 100)
    endings = Counter(getattr(result, "reason_name", OK) for result in results)
    assert endings == {OK: 1, "CODE_USES_EXHAUSTED": 99}
    assert account_of(server, campaign).uses == 1


async def test_c9_what_is_refused_leaves_no_trace(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=1, per_customer=5, discount_budget=100 * OFF))
    codes = await codes_of(client, campaign, 20)
    await client.redeem(codes=codes[:1], order=CART, customer="winner")
    before = account_of(server, campaign)
    endings = await race(client.redeem(codes=[code], order=CART, customer="late") for code in codes)
    assert endings == {"CAMPAIGN_LIMIT_REACHED": 20}
    assert account_of(server, campaign) == before
    assert "late" not in before.customers


async def test_c10_each_customer_gets_exactly_what_the_limit_allows(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_customer=2))
    codes = await codes_of(client, campaign, 10)
    calls = [client.redeem(codes=[code], order=CART, customer=customer(n)) for code in codes for n in range(5)]
    assert await race(calls) == {OK: 10, "CUSTOMER_LIMIT_REACHED": 40}
    assert account_of(server, campaign).customers == {customer(n): 2 for n in range(5)}


async def test_c10_the_limit_per_customer_and_code_is_per_both(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_customer_per_code=1, per_code=3))
    first, second = await codes_of(client, campaign, 2)
    calls = [
        client.redeem(codes=[code], order=CART, customer=customer(n)) for code in (first, second) * 3 for n in range(5)
    ]
    endings = await race(calls)
    assert endings[OK] == 6
    account = account_of(server, campaign)
    assert sorted(account.codes.values()) == [3, 3]


async def test_c20_the_last_code_and_the_last_use_can_be_used(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_code=1, per_campaign=25), code_count=25)
    codes = await codes_of(client, campaign, 25)
    assert await race(client.redeem(codes=[code], order=CART) for code in codes) == {OK: 25}
    assert account_of(server, campaign).uses == 25
    assert await race([client.redeem(codes=codes[-1:], order=CART)]) == {"CODE_USES_EXHAUSTED": 1}


async def test_c21_a_budget_is_never_overspent_and_can_be_spent_to_the_last_penny(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(discount_budget=100_00), discount=amount_off(7_00))
    codes = await codes_of(client, campaign, 40)
    endings = await race(client.redeem(codes=[code], order=CART) for code in codes)
    assert endings == {OK: 14, "BUDGET_EXHAUSTED": 26}
    # What is left of it is too little for 7.00 off, but enough for an order of 2.00.
    small = order("GBP", [item("pin", price=2_00)])
    assert await race(client.redeem(codes=[code], order=small) for code in codes) == {OK: 1, "BUDGET_EXHAUSTED": 39}
    assert account_of(server, campaign).discount == 100_00
    free = order("GBP", [item("gift", price=0)])
    endings = await race([client.redeem(codes=codes[:1], order=free)])
    assert endings.total() == 1
    assert account_of(server, campaign).discount == 100_00


async def test_c21_the_budget_of_order_values_holds_too(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(order_value_budget=10 * 30_00 + 29_99))
    codes = await codes_of(client, campaign, 30)
    endings = await race(client.redeem(codes=[code], order=CART) for code in codes)
    assert endings == {OK: 10, "BUDGET_EXHAUSTED": 20}
    assert account_of(server, campaign).uses == 10


@pytest.mark.parametrize("period", ["per_day", "per_week", "per_month"])
async def test_limits_per_period_are_exact(server: ServerProcess, client: PromoClient, period: str) -> None:
    campaign = await new_campaign(client, Limits(**{period: 6}))
    codes = await codes_of(client, campaign, 18)
    endings = await race(client.redeem(codes=[code], order=CART) for code in codes)
    # A period may end while the test runs: then there are two of them.
    assert endings[OK] in {6, 12}
    assert account_of(server, campaign).uses == endings[OK]


async def test_c23_without_limits_no_counter_is_touched(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client)
    codes = await codes_of(client, campaign, 20)
    project = str(server.ready["project_id"])
    with store_of(server) as store:
        before = set(store.keys("*"))
        assert await race(client.redeem(codes=[code], order=CART) for code in codes) == {OK: 20}
        added = set(store.keys("*")) - before
        streams = {keys.ledger(project, n) for n in range(64)} | {keys.outbox(project, n) for n in range(64)}
        # What is left are the answers kept for each call's request id.
        requests = [name for name in added if b"}i:" in name]
        assert len(requests) == 20
        assert {name.decode() for name in added} - streams == {name.decode() for name in requests}
    assert account_of(server, campaign).uses == 20


@pytest.mark.parametrize(("before", "after"), [(1, 2), (1, 0), (2, 1), (0, 1)])
async def test_codes_stay_single_use_or_do_not_become_so(client: PromoClient, before: int, after: int) -> None:
    """A bit and a counter know nothing of each other: a use could be counted in both, or in neither."""
    campaign = await new_campaign(client, Limits(per_code=before, per_campaign=9))
    with pytest.raises(exceptions.FieldInvalid) as caught:
        await client.campaigns.update(Campaign(id=campaign.id, limits=Limits(per_code=after)), ["limits"])
    assert [one.field for one in caught.value.violations] == ["campaign.limits.per_code"]
    same = Campaign(id=campaign.id, limits=Limits(per_code=before, per_campaign=8))
    assert (await client.campaigns.update(same, ["limits"])).limits.per_campaign == 8


async def test_a_limit_that_is_raised_counts_the_uses_before(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_code=2, per_campaign=2))
    [code] = await codes_of(client, campaign)
    assert await race(client.redeem(codes=[code], order=CART) for _ in range(3)) == {OK: 2, "CODE_USES_EXHAUSTED": 1}
    raised = Campaign(id=campaign.id, limits=Limits(per_code=4, per_campaign=3))
    changed = await client.campaigns.update(raised, ["limits"])
    endings = await race(client.redeem(codes=[code], order=CART) for _ in range(5))
    assert endings == {OK: 1, "CAMPAIGN_LIMIT_REACHED": 4}
    assert account_of(server, changed).uses == 3


async def test_customers_whose_names_look_like_keys_do_not_share_counters(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_customer=3))
    [code] = await codes_of(client, campaign)
    names = ["a", "a:f", "f:a", "a:f:f", "{a}", "a b", "ä", "a\\", '"a"', "u:1:a", "*", "%s%d"]

    async def use(name: str) -> str:
        return (await client.redeem(codes=[code], order=CART, customer=name)).id

    first = {name: await use(name) for name in names}
    for name in names:
        await use(name)
    for redemption in first.values():
        await client.rollback(redemption)
    # The slot that was given back is not the highest, so it waits in a set of its own.
    for name in names:
        await use(name)
        await use(name)
        assert await race([client.redeem(codes=[code], order=CART, customer=name)]) == {"CUSTOMER_LIMIT_REACHED": 1}
    assert account_of(server, campaign).customers == dict.fromkeys(names, 3)


async def test_an_unused_request_id_is_no_limit(client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_code=1))
    [code] = await codes_of(client, campaign)
    request_id = uuid.uuid4().hex
    refused = await race([client.redeem(codes=["NOSUCHCODE"], order=CART, request_id=request_id)])
    assert refused == {"CODE_NOT_FOUND": 1}
    assert await race([client.redeem(codes=[code], order=CART, request_id=request_id)]) == {OK: 1}
