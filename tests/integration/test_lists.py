"""Lists, customers and orders against a running server: what a caller has written is in the next list."""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, timedelta
from typing import TypeVar

import grpc
import pytest
from support.server_process import KEY, ServerProcess
from support.shop import CART, OFF, OK, codes_of, ending, new_campaign

from promo.client import (
    CodeLayout,
    Customer,
    Limits,
    PromoClient,
    RetryPolicy,
    StandaloneTerms,
    exceptions,
    item,
    order,
    validate_request,
    validity,
)
from promo.client.access import RoleName
from promo.v1 import redemption_service_pb2
from promo.v1.redemption_pb2 import RedemptionState
from promo_server.state import StateDir

pytestmark = [pytest.mark.asyncio, pytest.mark.each_database]

Item = TypeVar("Item")


async def all_of(items: AsyncIterator[Item]) -> list[Item]:
    return [one async for one in items]


def somebody() -> str:
    return f"c-{uuid.uuid4().hex}"


async def test_a_redemption_is_in_the_next_list_and_so_is_its_rollback(client: PromoClient) -> None:
    campaign, other = await new_campaign(client), await new_campaign(client)
    first, second = await codes_of(client, campaign, 2)
    (third,) = await codes_of(client, other)
    customer = somebody()
    cart = order("GBP", [item("mug", price=10_00, quantity=3)], source_id=f"o-{customer}")
    one = await client.redeem(codes=[first, third], order=cart, customer=customer, request_id=customer)
    assert await all_of(aiter(client.redemptions.list(f'customer = "{customer}"', require_fresh=True))) == [one]
    other_cart = order("GBP", [item("mug", price=30_00)], source_id=f"p-{customer}")
    two = await client.redeem(codes=[second], order=other_cart, customer=customer)
    rollback = await client.rollback(one.id, redeemable_redemption_ids=[f"{one.id}.1"], reason="returned")
    newest = await all_of(aiter(client.redemptions.list(f"customer = {customer}")))
    assert [found.id for found in newest] == [two.id, one.id]
    assert newest[1].state == RedemptionState.REDEMPTION_STATE_PARTIALLY_ROLLED_BACK
    assert newest[1] == await client.redemptions.get(one.id)
    for text in (
        f"campaign = {campaign.name} AND order = o-{customer}",
        f"campaign = {other.id}",
        f"voucher = {(await client.vouchers.get(third)).id}",
        f"customer = {customer} AND state = partially_rolled_back",
        f"customer = {customer} AND discount_amount = {2 * OFF}",
    ):
        assert [found.id async for found in client.redemptions.list(text)] == [one.id], text
    assert await client.redemptions.get_rollback(rollback.id) == rollback
    assert await all_of(aiter(client.redemptions.list_rollbacks(f"redemption = {one.id}"))) == [rollback]
    placed = await client.orders.get(f"o-{customer}")
    assert (placed.order, placed.customer, placed.redemption_id) == (one.order, customer, one.id)
    assert placed.redemption_state == RedemptionState.REDEMPTION_STATE_PARTIALLY_ROLLED_BACK
    assert [found.redemption_id async for found in client.orders.list(f"customer = {customer}")] == [two.id, one.id]


async def test_pages_follow_each_other_in_any_order(client: PromoClient) -> None:
    campaign = await new_campaign(client)
    customer = somebody()
    codes = await codes_of(client, campaign, 9)
    carts = [order("GBP", [item("mug", price=4_00 + 10 * number)]) for number in (3, 1, 4, 1, 5, 9, 2, 6, 5)]
    made = [
        await client.redeem(codes=[code], order=cart, customer=customer)
        for code, cart in zip(codes, carts, strict=True)
    ]
    ids = [one.id for one in made]
    text = f"customer = {customer}"
    pages = [page async for page in client.redemptions.list(text, order_by="redeem_time", page_size=4).pages()]
    assert [len(page.items) for page in pages] == [4, 4, 1]
    assert [one.id for page in pages for one in page.items] == ids
    rest = client.redemptions.list(text, order_by="redeem_time", page_size=4, page_token=pages[0].next_page_token)
    assert [one.id async for one in rest] == ids[4:]
    wanted = sorted(((one.order.total_discount_amount, one.id) for one in made), reverse=True)
    found = client.redemptions.list(text, order_by="discount_amount desc", page_size=2)
    assert [(one.order.total_discount_amount, one.id) async for one in found] == wanted
    with pytest.raises(exceptions.PageTokenInvalid):
        await all_of(aiter(client.redemptions.list(text, page_token=pages[0].next_page_token)))


async def test_publications_are_listed_by_what_the_caller_said(client: PromoClient) -> None:
    campaign = await new_campaign(client, validity=validity(after_publishing=timedelta(days=1)))
    customer = somebody()
    first = await client.publish(campaign=campaign.name, customer=customer, channel=customer, source_id=customer)
    second = await client.publish(campaign=campaign.name, customer=customer, metadata={"a": "b"})
    assert first.HasField("expire_time")
    after = (first.publish_time.ToDatetime(UTC) - timedelta(seconds=1)).isoformat(timespec="milliseconds")
    for text, wanted in (
        (f"campaign = {campaign.name}", [second, first]),
        (f"campaign = {campaign.id} AND customer = {customer} AND publish_time > {after}", [second, first]),
        (f"channel = {customer}", [first]),
        (f"source_id = {customer}", [first]),
        (f"customer = {customer} AND channel = braze", []),
    ):
        found = await all_of(aiter(client.publications.list(text, require_fresh=True)))
        assert found == wanted, text


async def test_what_happened_with_a_code_is_found_by_the_code_as_typed(client: PromoClient) -> None:
    computed = await new_campaign(client, Limits(per_code=3))
    stored = await new_campaign(client, code_count=10, code_layout=CodeLayout(length=6, charset="0123456789"))
    terms = StandaloneTerms(currency_code="GBP", discount=computed.discount)
    named, alone = (f"{name}-{uuid.uuid4().hex}" for name in ("Named", "Alone"))
    await client.vouchers.create(named, campaign=computed.name)
    await client.vouchers.create(alone, standalone=terms)
    customer = somebody()
    published = await client.publish(campaign=computed.name, customer=customer, count=3)
    second = published.codes[1]
    in_store = (await client.publish(campaign=stored.name, customer=customer)).codes[0]
    typed = {second: f"  {second.lower()} ", in_store: in_store, named: named, alone: alone}
    used = {code: [await client.redeem(codes=[code], order=CART)] for code in typed}
    used[second].insert(0, await client.redeem(codes=[second, alone], order=CART, customer=customer))
    used[alone].insert(0, used[second][0])

    async def redeemed(text: str) -> list[str]:
        return [one.id async for one in client.redemptions.list(text, require_fresh=True)]

    async def handed_out(text: str) -> list[str]:
        return [one.id async for one in client.publications.list(text, require_fresh=True)]

    async def check() -> None:
        for code, spelled in typed.items():
            # Those of one millisecond have no order that follows from what was first.
            assert sorted(await redeemed(f'code = "{spelled}"')) == sorted(one.id for one in used[code]), code
        assert await handed_out(f'code = "{typed[second]}"') == [published.id]

    await check()
    mine = f'code = "{second}" AND customer = "{customer}"'
    assert await redeemed(mine) == [used[second][0].id]
    for two in (f'code = "{second}" AND code = "{alone}"', f"campaign = {computed.name} AND campaign = {stored.id}"):
        with pytest.raises(exceptions.FieldInvalid, match="filter: names two c"):
            await redeemed(two)
    assert await redeemed(f'code = "{second}" AND {mine}') == await redeemed(mine)
    assert await redeemed(f'{mine} AND campaign = "{stored.name}"') == []
    pages = client.redemptions.list(f"code = {alone}", page_size=1, order_by="redeem_time")
    in_order = sorted(used[alone], key=lambda one: (one.redeem_time.ToNanoseconds(), one.id))
    assert [[one.id for one in page.items] async for page in pages.pages()] == [[one.id] for one in in_order]
    for code in published.codes:
        voucher = await client.vouchers.get(code)
        for text in (f"code = {code}", f"voucher = {voucher.id}", f"{mine} AND code = {code}"):
            assert await handed_out(text) == [published.id], text
    assert await handed_out(f"code = {second} AND customer = {somebody()}") == []
    assert await handed_out(f"code = {named}") == []

    # Neither the end of a voucher nor that of its campaign makes what happened unknown.
    await client.vouchers.delete(second)
    await check()
    await client.campaigns.delete(computed.name)
    await check()


async def test_code_that_the_project_never_had_lets_nothing_through(client: PromoClient) -> None:
    campaign = await new_campaign(client)
    [code] = await codes_of(client, campaign)
    await client.redeem(codes=[code], order=CART)
    for text in (
        "ZZZZ",
        code[:-1],
        code + code[0],
        "''",
        "'; DROP TABLE redemptions",
        "é" * 128,
        "v_0_0",
        "%",
        "_" * 10,
    ):
        quoted = text.replace("'", "\\'")
        for found in (client.redemptions.list(f"code = '{quoted}'"), client.publications.list(f"code = '{quoted}'")):
            assert await all_of(aiter(found)) == [], text
    beginning = (await client.vouchers.get(code)).id.rpartition("_")[0]
    # Positions around and above the largest number of SQL.
    for position in ("1y2p0ij32e8e7", "1y2p0ij32e8e8", "3w5e11264sgsf"):
        assert await all_of(aiter(client.publications.list(f"voucher = {beginning}_{position}"))) == []
    assert await all_of(aiter(client.publications.list("voucher = nonsense"))) == []
    with pytest.raises(exceptions.FieldInvalid, match="code has more than 256 bytes"):
        await all_of(aiter(client.redemptions.list(f"code = {'A' * 257}")))
    with pytest.raises(exceptions.FieldInvalid, match="expected = after code"):
        await all_of(aiter(client.redemptions.list("code >= A")))


async def test_a_profile_is_written_read_listed_and_erased(client: PromoClient) -> None:
    source_id, email = somebody(), f"{uuid.uuid4().hex}@example.com"
    with pytest.raises(exceptions.CustomerNotFound):
        await client.customers.get(source_id)
    profile = Customer(source_id=source_id, name="Ada", email=email, metadata={"tier": "gold"})
    written = await client.customers.upsert(profile, request_id=source_id)
    assert await client.customers.upsert(profile, request_id=source_id) == written
    with pytest.raises(exceptions.RequestIdReused):
        await client.customers.upsert(Customer(source_id=source_id, name="Eve"), request_id=source_id)
    await client.customers.upsert(Customer(source_id=source_id, name="Eve"), validate_only=True)
    await client.customers.upsert(Customer(source_id=source_id, phone="+44 20"), ["phone", "metadata"])
    found = await client.customers.get(source_id)
    assert (found.id, found.name, found.email, found.phone) == (written.id, "Ada", email, "+44 20")
    assert dict(found.metadata) == {}
    assert found.create_time == written.update_time
    assert await all_of(aiter(client.customers.list(f'email = "{email}"'))) == [found]
    campaign = await new_campaign(client, Limits(per_customer=1))
    first, second = await codes_of(client, campaign, 2)
    used = await client.redeem(codes=[first], order=CART, customer=profile, metadata={"note": email})
    await client.customers.erase(source_id, validate_only=True)
    assert await client.customers.get(source_id) != Customer()
    await client.customers.erase(source_id)
    assert await ending(client.customers.get(source_id)) == "CUSTOMER_NOT_FOUND"
    assert await all_of(aiter(client.customers.list(f'email = "{email}"'))) == []
    async with asyncio.timeout(30):
        while email in str(await all_of(aiter(client.redemptions.list(f"customer = {source_id}")))):
            await asyncio.sleep(0.1)
    # What was used still counts against the person's limit, and can be taken back.
    assert await ending(client.redeem(codes=[second], order=CART, customer=source_id)) == "CUSTOMER_LIMIT_REACHED"
    await client.rollback(used.id)
    assert await ending(client.redeem(codes=[second], order=CART, customer=source_id)) == OK
    again = await client.customers.get(source_id)
    assert (again.id, again.name, again.email) == (written.id, "", "")


@pytest.mark.parametrize(
    ("customer", "fields", "problem"),
    [
        (Customer(), None, "customer.source_id"),
        (Customer(source_id="a" * 257), None, "customer.source_id"),
        (Customer(source_id="a", email="e" * 257), None, "customer.email"),
        (Customer(source_id="a\x00"), None, "customer.source_id"),
        (Customer(source_id="a"), ["source_id"], "update_mask"),
        (Customer(source_id="a"), ["name", "shoe"], "update_mask"),
    ],
)
async def test_a_profile_that_cannot_be_is_refused(
    client: PromoClient, customer: Customer, fields: list[str] | None, problem: str
) -> None:
    with pytest.raises(exceptions.FieldInvalid) as refused:
        await client.customers.upsert(customer, fields)
    assert [violation.field for violation in refused.value.violations] == [problem]


async def test_filters_orders_and_sizes_that_cannot_be_are_refused_together(client: PromoClient) -> None:
    with pytest.raises(exceptions.FieldInvalid) as refused:
        await all_of(aiter(client.redemptions.list("customer ~ x", order_by="colour", page_size=1_001)))
    assert [violation.field for violation in refused.value.violations] == ["page_size", "filter", "order_by"]
    assert "at character 10: expected = after customer" in refused.value.violations[1].description
    for token in ("x", "é", "A" * 5_000):
        for listing in (client.redemptions.list, client.sessions.list):
            with pytest.raises(exceptions.PageTokenInvalid):
                await all_of(aiter(listing(page_token=token)))
    with pytest.raises(exceptions.FieldInvalid):
        await all_of(aiter(client.sessions.list(page_size=-1)))
    for call in (client.orders.get(""), client.customers.get("x" * 257), client.redemptions.get_rollback("")):
        assert await ending(call) == "FIELD_INVALID"
    for call in (client.orders.get("none"), client.redemptions.get_rollback("rr_0000000000000000")):
        assert (await ending(call)).endswith("_NOT_FOUND")


async def test_a_filter_that_is_no_text_is_refused_with_a_reason(server: ServerProcess) -> None:
    async with grpc.aio.insecure_channel(server.target) as channel:
        call = channel.unary_unary("/promo.v1.RedemptionService/ListRedemptions")
        body = (
            redemption_service_pb2.ListRedemptionsRequest(filter="xx").SerializeToString().replace(b"xx", b"\xff\xfe")
        )
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(body, metadata=(("authorization", f"Bearer {KEY}"),))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_live_holds_are_listed_until_they_end(client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_code=1))
    codes = await codes_of(client, campaign, 12)
    customer = somebody()
    requests = []
    for number, code in enumerate(codes):
        request = validate_request(codes=[code], order=CART, customer=customer, session=timedelta(minutes=5))
        request.session.key = f"{customer}-{number:02d}"
        requests.append(request)
    # At once, so that some end in the same millisecond and pages part them.
    answers = await asyncio.gather(*map(client.validate, requests))
    held = {answer.session.key for answer in answers}
    # A hold of two campaigns is in the sets of both, and is one hold.
    other = await new_campaign(client, Limits(per_campaign=5))
    two = await codes_of(client, other)
    answer = await client.validate(
        codes=[*two], order=CART, customer=customer, session=timedelta(minutes=9), request_id=customer
    )
    held.add(answer.session.key)
    found = await all_of(aiter(client.sessions.list(customer=customer, page_size=5)))
    assert {session.key for session in found} == held
    assert len(found) == len(held)
    assert {session.customer for session in found} == {customer}
    everybody = await all_of(aiter(client.sessions.list(page_size=3)))
    assert {session.key for session in everybody} >= held
    assert len({session.key for session in everybody}) == len(everybody)
    gone = f"{customer}-03"
    await client.sessions.release(gone)
    await client.redeem(codes=[codes[4]], order=CART, customer=customer, session_key=f"{customer}-04")
    left = await all_of(aiter(client.sessions.list(customer=customer)))
    assert {session.key for session in left} == held - {gone, f"{customer}-04"}
    assert await all_of(aiter(client.sessions.list(customer=somebody()))) == []


async def test_lists_show_the_callers_project_only(client: PromoClient, server: ServerProcess) -> None:
    campaign = await new_campaign(client)
    (code,) = await codes_of(client, campaign)
    customer = somebody()
    used = await client.redeem(codes=[code], order=CART, customer=customer)
    undone = await client.rollback(used.id)
    project = await client.access.create_project(f"lists-{uuid.uuid4().hex}")
    roles: tuple[RoleName, ...] = ("viewer", "checkout", "publisher")
    keys = {role: await client.access.create_key([role], project_id=project.id) for role in roles}
    async with PromoClient.connect(server.target, key=f"{keys['viewer'].id}:{keys['viewer'].token}") as viewer:
        for listing in (
            viewer.redemptions.list(),
            viewer.redemptions.list_rollbacks(),
            viewer.publications.list(),
            viewer.customers.list(),
            viewer.orders.list(),
            viewer.sessions.list(),
        ):
            assert await all_of(aiter(listing)) == []
        assert await ending(viewer.redemptions.get_rollback(undone.id)) == "ROLLBACK_NOT_FOUND"
        assert await ending(viewer.customers.get(customer)) == "CUSTOMER_NOT_FOUND"
        assert await ending(viewer.customers.upsert(Customer(source_id="a"))) == "SCOPE_MISSING"
    for role in ("checkout", "publisher"):
        async with PromoClient.connect(server.target, key=f"{keys[role].id}:{keys[role].token}") as other:
            assert await ending(other.customers.upsert(Customer(source_id=role, name="Ada"))) == OK
            assert await ending(other.customers.get(role)) == "SCOPE_MISSING"
            assert await ending(other.customers.erase(role)) == "SCOPE_MISSING"


async def test_a_locked_database_is_said_and_nothing_is_lost(new_server: Callable[..., ServerProcess]) -> None:
    server = new_server()
    path = StateDir(server.state_dir).database
    async with PromoClient.connect(server.target, key=KEY, retry=RetryPolicy(attempts=1)) as client:
        campaign = await new_campaign(client)
        first, second = await codes_of(client, campaign, 2)
        await client.redeem(codes=[first], order=CART, customer="ada")
        assert len(await all_of(aiter(client.redemptions.list("customer = ada", require_fresh=True)))) == 1
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        await client.redeem(codes=[second], order=CART, customer="ada")
        # Readers go on beside a writer; what the archive lacks is said.
        pages = [page async for page in client.redemptions.list("customer = ada").pages()]
        assert [len(page.items) for page in pages] == [1]
        with pytest.raises(exceptions.ArchiveBehind, match="what happened since"):
            await all_of(aiter(client.redemptions.list("customer = ada", require_fresh=True)))
        assert await ending(client.customers.get("ada")) == "ARCHIVE_BEHIND"
        other.execute("ROLLBACK")
        other.close()
        async with asyncio.timeout(30):
            while await ending(client.customers.get("ada")) != OK:
                await asyncio.sleep(0.1)
        assert len(await all_of(aiter(client.redemptions.list("customer = ada", require_fresh=True)))) == 2


@pytest.mark.extended
async def test_a_table_that_is_gone_is_said_and_used_again_when_it_is_back(
    new_server: Callable[..., ServerProcess],
) -> None:
    server = new_server()
    async with PromoClient.connect(server.target, key=KEY, retry=RetryPolicy(attempts=1)) as client:
        campaign = await new_campaign(client)
        first, second = await codes_of(client, campaign, 2)
        await client.redeem(codes=[first], order=CART, customer="ada")
        assert len(await all_of(aiter(client.redemptions.list("customer = ada", require_fresh=True)))) == 1
        with sqlite3.connect(StateDir(server.state_dir).database, isolation_level=None) as other:
            other.execute("ALTER TABLE redemptions RENAME TO away")
            assert await ending(all_of(aiter(client.redemptions.list()))) == "DATABASE_UNAVAILABLE"
            assert await ending(client.redeem(codes=[second], order=CART, customer="ada")) == OK
            other.execute("ALTER TABLE away RENAME TO redemptions")
        other.close()
        async with asyncio.timeout(30):
            while await ending(client.customers.get("ada")) != OK:
                await asyncio.sleep(0.1)
        assert len(await all_of(aiter(client.redemptions.list("customer = ada", require_fresh=True)))) == 2
