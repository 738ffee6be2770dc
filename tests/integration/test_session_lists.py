"""Lists of live holds against a running server: their order, their filters, and pages while holds come and go."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from support.server_process import ServerProcess
from support.shop import CART, OK, codes_of, ending, new_campaign

from promo.client import CodeLayout, Limits, Listing, PromoClient, exceptions, validate_request
from promo.v1.session_pb2 import Session

pytestmark = pytest.mark.asyncio

LATEST_FIRST = "expire_time desc"


@pytest_asyncio.fixture
async def shop(server: ServerProcess, client: PromoClient) -> AsyncIterator[PromoClient]:
    """Yield a client of a project of its own, where nobody else holds anything."""
    project = await client.access.create_project(f"holds-{uuid.uuid4().hex}")
    key = await client.access.create_key(["manager", "checkout", "publisher"], project_id=project.id)
    async with PromoClient.connect(server.target, key=f"{key.id}:{key.token}", timeout=30.0) as connected:
        yield connected


async def hold(client: PromoClient, *codes: str, minutes: int = 5, customer: str = "") -> Session:
    validation = await client.validate(
        codes=codes, order=CART, customer=customer or None, session=timedelta(minutes=minutes)
    )
    assert validation.valid
    return validation.session


async def keys(listing: Listing[Session]) -> list[str]:
    return [session.key async for session in listing]


def by_end(sessions: Sequence[Session]) -> list[str]:
    return [one.key for one in sorted(sessions, key=lambda one: one.expire_time.ToNanoseconds())]


async def test_holds_of_all_campaigns_are_listed_by_their_end(shop: PromoClient) -> None:
    campaigns = [await new_campaign(shop, Limits(per_code=1)) for _ in range(4)]
    codes = [await codes_of(shop, campaign, 5) for campaign in campaigns]
    # Each campaign has its own partition: neighbours of the order are in different ones.
    minutes = iter([7, 2, 19, 11, 5, 16, 3, 13, 18, 1, 9, 14, 6, 20, 10, 4])
    held = [await hold(shop, code, minutes=next(minutes)) for some in codes for code in some[:4]]
    # A hold of several campaigns is in the sets of all of them, and is one hold.
    held.append(await hold(shop, *(some[4] for some in codes), minutes=8))
    for size in (1, 2, 100):
        assert await keys(shop.sessions.list(page_size=size)) == by_end(held)
        assert await keys(shop.sessions.list(order_by="expire_time asc", page_size=size)) == by_end(held)
        assert await keys(shop.sessions.list(order_by=LATEST_FIRST, page_size=size)) == by_end(held)[::-1]
    pages = [page async for page in shop.sessions.list(page_size=7).pages()]
    assert [len(page.items) for page in pages] == [7, 7, 3]


async def test_holds_that_end_in_one_millisecond_have_an_order_in_both_directions(shop: PromoClient) -> None:
    campaigns = [await new_campaign(shop, Limits(per_code=1)) for _ in range(3)]
    some = [await codes_of(shop, campaign, 100) for campaign in campaigns]
    requests = [
        validate_request(codes=[code], order=CART, session=timedelta(minutes=5))
        for code in itertools.chain.from_iterable(zip(*some, strict=True))
    ]
    # A batch is one call at one time, so all of its holds end in the same millisecond.
    sessions = []
    for validation in await shop.batch_validate(requests):
        assert not isinstance(validation, Exception)
        sessions.append(validation.session)
    assert len({one.expire_time.ToNanoseconds() for one in sessions}) == 1
    listed = await keys(shop.sessions.list())
    assert sorted(listed) == sorted(one.key for one in sessions)
    for size in (2, 7, 299):
        assert await keys(shop.sessions.list(page_size=size)) == listed
        assert await keys(shop.sessions.list(order_by=LATEST_FIRST, page_size=size)) == listed[::-1]


async def test_what_is_held_from_the_first_page_to_the_last_is_listed_once(shop: PromoClient) -> None:
    campaigns = [await new_campaign(shop, Limits(per_code=1)) for _ in range(2)]
    codes = [code for campaign in campaigns for code in await codes_of(shop, campaign, 60)]
    for order_by in ("", LATEST_FIRST):
        requests = [
            validate_request(codes=[code], order=CART, session=timedelta(minutes=1 + number % 9))
            for number, code in enumerate(codes[:90])
        ]
        held = [one.session for one in await shop.batch_validate(requests) if not isinstance(one, Exception)]
        going, staying = held[::3], {one.key for one in held} - {one.key for one in held[::3]}
        coming = iter(codes[90:])
        listed: list[str] = []
        new = []
        async for page in shop.sessions.list(order_by=order_by, page_size=4).pages():
            listed += [one.key for one in page.items]
            if going:
                await shop.sessions.release(going.pop().key)
            if (code := next(coming, None)) is not None:
                new.append(await hold(shop, code, minutes=1 + len(new) % 9))
        assert len(listed) == len(set(listed))
        assert staying <= set(listed)
        for one in [*staying, *(session.key for session in [*going, *new])]:
            await shop.sessions.release(one)
    assert await keys(shop.sessions.list()) == []


async def test_one_call_looks_at_some_thousands_of_holds_and_the_next_goes_on(shop: PromoClient) -> None:
    # Two batches of a thousand for each campaign, and all holds of a batch end in one millisecond.
    campaigns = [await new_campaign(shop, Limits(per_code=1), code_count=2_000) for _ in range(6)]
    held = set()
    for campaign in campaigns:
        codes = await codes_of(shop, campaign, 2_000)
        for begin in (0, 1_000):
            requests = [
                validate_request(codes=[code], order=CART, customer=campaign.id, session=timedelta(minutes=30))
                for code in codes[begin : begin + 1_000]
            ]
            validations = await shop.batch_validate(requests, timeout=60.0)
            held |= {one.session.key for one in validations if not isinstance(one, Exception)}
    assert len(held) == 12_000
    for order_by in ("", LATEST_FIRST):
        pages = [page async for page in shop.sessions.list(customer="nobody", order_by=order_by).pages()]
        assert len(pages) > 1
        assert all(not page.items for page in pages)
        last = campaigns[0 if order_by else -1].id
        assert len(await keys(shop.sessions.list(customer=last, order_by=order_by))) == 2_000
        listed = await keys(shop.sessions.list(order_by=order_by, page_size=999))
        assert len(listed) == len(held)
        assert set(listed) == held


async def test_a_hold_is_listed_until_it_is_over(shop: PromoClient) -> None:
    [code, other] = await codes_of(shop, await new_campaign(shop, Limits(per_code=1)), 2)
    long = await hold(shop, code)
    short = (await shop.validate(codes=[other], order=CART, session=timedelta(seconds=3))).session
    listed = await keys(shop.sessions.list())
    if listed != [short.key, long.key]:
        # A machine that stood still for so long has missed it.
        assert datetime.now(UTC) >= short.expire_time.ToDatetime(tzinfo=UTC)
    end = short.expire_time.ToDatetime(tzinfo=UTC)
    await asyncio.sleep(max((end - datetime.now(UTC)).total_seconds(), 0) + 0.05)
    assert await keys(shop.sessions.list()) == [long.key]
    assert await keys(shop.sessions.list(order_by=LATEST_FIRST)) == [long.key]


async def test_filters_let_through_what_meets_all_of_them(shop: PromoClient) -> None:
    spring = await new_campaign(shop, Limits(per_code=1))
    # Without a limit nothing is taken, and the hold is one all the same.
    summer = await new_campaign(shop, None, code_layout=CodeLayout(length=12))
    [a, b, c] = await codes_of(shop, spring, 3)
    [x, y] = await codes_of(shop, summer, 2)
    first = await hold(shop, a, minutes=1, customer="ada")
    stack = await hold(shop, b, x, minutes=2, customer="ada")
    third = await hold(shop, y, minutes=3, customer="eve")
    last = await hold(shop, c, minutes=4)
    listed = shop.sessions.list
    for name in (spring.name, spring.id):
        assert await keys(listed(campaign=name)) == [first.key, stack.key, last.key]
    assert await keys(listed(campaign=summer.name)) == [stack.key, third.key]
    assert await keys(listed(customer="ada", campaign=summer.name)) == [stack.key]
    # As a person types it: the default layout forgives case.
    for typed in (x, x.lower(), f" {x} "):
        assert await keys(listed(code=typed)) == [stack.key]
    assert await keys(listed(code=x, campaign=summer.name)) == [stack.key]
    # The stack has codes of both campaigns, but this one is not of that.
    assert await keys(listed(code=x, campaign=spring.name)) == []
    assert await keys(listed(code=x, customer="eve")) == []
    [unused] = (await codes_of(shop, spring, 4))[3:]
    for unknown in (unused, "NEVERWAS", "x" * 128, "é"):
        assert await keys(listed(code=unknown)) == []
    for unknown in ("no-such-campaign", "x" * 128):
        assert await keys(listed(campaign=unknown)) == []
    await shop.campaigns.delete(summer.name)
    assert await keys(listed(campaign=summer.id)) == [stack.key, third.key]
    assert await keys(listed(code=y)) == [third.key]


async def test_stored_codes_are_found_as_they_are(shop: PromoClient) -> None:
    campaign = await new_campaign(shop, Limits(per_code=1))
    await shop.vouchers.create("Black-Friday", campaign=campaign.name)
    held = await hold(shop, "Black-Friday")
    assert await keys(shop.sessions.list(code="Black-Friday")) == [held.key]
    assert await keys(shop.sessions.list(code="black-friday")) == []
    assert await keys(shop.sessions.list(campaign=campaign.name)) == [held.key]


async def test_a_range_of_ends_has_its_beginning_and_not_its_end(shop: PromoClient) -> None:
    codes = await codes_of(shop, await new_campaign(shop, Limits(per_code=1)), 5)
    held = [await hold(shop, code, minutes=5 + number) for number, code in enumerate(codes)]
    ends = [one.expire_time.ToDatetime(tzinfo=UTC) for one in held]
    sorted_keys = [one.key for one in held]
    for order_by, step in (("", 1), (LATEST_FIRST, -1)):

        async def within(
            start: datetime | None, end: datetime | None, size: int = 1, order_by: str = order_by, step: int = step
        ) -> list[str]:
            found = shop.sessions.list(
                expire_time_from=start, expire_time_before=end, order_by=order_by, page_size=size
            )
            return (await keys(found))[::step]

        assert await within(ends[1], ends[3]) == sorted_keys[1:3]
        assert await within(ends[2], None) == sorted_keys[2:]
        assert await within(None, ends[2]) == sorted_keys[:2]
        assert await within(None, datetime.now(UTC)) == []
        later = timedelta(microseconds=1)
        assert await within(ends[1] + later, ends[3] + later) == sorted_keys[2:4]


async def test_what_a_list_cannot_do_is_refused_with_what_it_can(shop: PromoClient) -> None:
    now = datetime.now(UTC)
    with pytest.raises(exceptions.FieldInvalid) as refused:
        await keys(
            shop.sessions.list(
                order_by="customer desc",
                code="x" * 129,
                expire_time_from=now,
                expire_time_before=now,
                page_size=1_001,
            )
        )
    found = {one.field: one.description for one in refused.value.violations}
    assert list(found) == ["page_size", "code", "expire_time_before", "order_by"]
    assert found["order_by"] == "must be one of expire_time, followed by asc or desc or nothing"
    assert found["expire_time_before"] == "must be after expire_time_from"
    with pytest.raises(ValueError, match="time zone"):
        shop.sessions.list(expire_time_from=datetime(2026, 12, 1))  # noqa: DTZ001 - that is what is wrong with it


async def test_a_token_belongs_to_one_project_filter_and_order(client: PromoClient, shop: PromoClient) -> None:
    campaign = await new_campaign(shop, Limits(per_code=1))
    held = [await hold(shop, code, customer="ada") for code in await codes_of(shop, campaign, 3)]
    first = await anext(shop.sessions.list(customer="ada", page_size=1).pages())
    token = first.next_page_token
    # Pages may be of any size, and the usual order may be spelled out.
    rest = shop.sessions.list(customer="ada", order_by="expire_time", page_size=50, page_token=token)
    assert [*(one.key for one in first.items), *await keys(rest)] == by_end(held)
    others = (
        shop.sessions.list(page_token=token),
        shop.sessions.list(customer="eve", page_token=token),
        shop.sessions.list(customer="ada", campaign=campaign.name, page_token=token),
        shop.sessions.list(customer="ada", code="K7XQ2MNP4R", page_token=token),
        shop.sessions.list(customer="ada", expire_time_from=datetime.now(UTC), page_token=token),
        shop.sessions.list(customer="ada", expire_time_before=datetime(2030, 1, 1, tzinfo=UTC), page_token=token),
        shop.sessions.list(customer="ada", order_by=LATEST_FIRST, page_token=token),
        client.sessions.list(customer="ada", page_token=token),
        shop.sessions.list(customer="ada", page_token=token[:-1]),
    )
    for other in others:
        with pytest.raises(exceptions.PageTokenInvalid):
            await keys(other)


async def test_a_release_that_only_checks_ends_as_the_real_one_would(shop: PromoClient) -> None:
    [code] = await codes_of(shop, await new_campaign(shop, Limits(per_code=1)))
    held = await hold(shop, code)
    used = uuid.uuid4().hex

    async def check(key: str, request_id: str = "") -> str:
        return await ending(shop.sessions.release(key, request_id=request_id, validate_only=True))

    assert [await check(held.key) for _ in range(2)] == [OK, OK]
    assert await check(held.key, used) == OK
    assert await shop.sessions.get(held.key) == held
    assert not (await shop.validate(codes=[code], order=CART)).valid
    assert await check("no-such-session") == "SESSION_NOT_FOUND"
    assert await check("") == await check("x" * 129) == "FIELD_INVALID"
    # What only checked has left the request id free.
    await shop.sessions.release(held.key, request_id=used)
    assert await check(held.key) == "SESSION_NOT_FOUND"
    # A repeat gets the first answer, and its check says so.
    assert await check(held.key, used) == await ending(shop.sessions.release(held.key, request_id=used)) == OK
    assert (await shop.validate(codes=[code], order=CART)).valid


async def test_a_release_that_only_checks_refuses_a_request_id_of_another_request(shop: PromoClient) -> None:
    """A request id is kept in the one of 64 places that the session key tells: of a thousand keys some share one."""
    codes = await codes_of(shop, await new_campaign(shop, Limits(per_code=1)), 1_000)
    requests = [validate_request(codes=[code], order=CART, session=timedelta(minutes=5)) for code in codes]
    held = [one.session.key for one in await shop.batch_validate(requests) if not isinstance(one, Exception)]
    first, *others = held
    used = uuid.uuid4().hex
    await shop.sessions.release(first, request_id=used)
    release = shop.sessions.release
    endings = await asyncio.gather(*(ending(release(key, request_id=used, validate_only=True)) for key in others))
    checked = dict(zip(others, endings, strict=True))
    assert set(checked.values()) == {OK, "REQUEST_ID_REUSED"}
    refused = next(key for key, how in checked.items() if how == "REQUEST_ID_REUSED")
    assert await ending(shop.sessions.release(refused, request_id=used)) == "REQUEST_ID_REUSED"
    assert await ending(shop.sessions.release(refused)) == OK
