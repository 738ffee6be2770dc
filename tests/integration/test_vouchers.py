"""Single codes changed on their own: exact from the next call on, and nothing for the codes that nobody changed."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from support.server_process import ServerProcess
from support.shop import CART, OFF, OK, codes_of, ending, new_campaign, race
from support.truth import account_of

from promo.client import CodeLayout, Limits, PromoClient, Voucher, VoucherFilter, amount_off, exceptions, validity
from promo.v1.session_pb2 import SessionRequest

pytestmark = [pytest.mark.asyncio, pytest.mark.each_database]

SINGLE = Limits(per_code=1)


def in_days(days: int) -> Timestamp:
    time = Timestamp()
    time.FromDatetime(datetime.now(tz=UTC) + timedelta(days=days))
    return time


async def test_a_disabled_voucher_is_refused_until_it_is_enabled_and_others_are_not(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, SINGLE)
    code, other = await codes_of(client, campaign, 2)
    disabled = await client.vouchers.disable(code)
    assert not disabled.enabled
    assert not (await client.validate(codes=[code], order=CART)).valid
    with pytest.raises(exceptions.VoucherDisabled) as refused:
        await client.redeem(codes=[code], order=CART)
    assert refused.value.metadata["code"] == code
    await client.redeem(codes=[other], order=CART)
    assert (await client.vouchers.enable(code)).enabled
    await client.redeem(codes=[code], order=CART)
    assert account_of(server, campaign).uses == 2


async def test_no_redemption_succeeds_after_disabling_was_acknowledged(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, Limits(per_campaign=100_000))
    (code,) = await codes_of(client, campaign)
    acknowledged = asyncio.Event()
    late: list[str] = []
    endings: Counter[str] = Counter()

    async def shop() -> None:
        for _ in range(60):
            begun_late = acknowledged.is_set()
            how = await ending(client.redeem(codes=[code], order=CART))
            endings[how] += 1
            if begun_late:
                late.append(how)

    async def disable() -> None:
        while endings[OK] < 20:
            await asyncio.sleep(0)
        await client.vouchers.disable(code)
        acknowledged.set()

    await asyncio.gather(disable(), *(shop() for _ in range(16)))
    assert set(late) == {"VOUCHER_DISABLED"}
    assert set(endings) == {OK, "VOUCHER_DISABLED"}
    assert account_of(server, campaign).uses == endings[OK]


async def test_a_hold_on_a_voucher_that_was_disabled_cannot_be_confirmed(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, SINGLE)
    (code,) = await codes_of(client, campaign)
    key = uuid.uuid4().hex
    held = await client.validate(codes=[code], order=CART, session=_session(key))
    assert held.valid
    await client.vouchers.disable(code)
    with pytest.raises(exceptions.VoucherDisabled):
        await client.redeem(codes=[code], order=CART, session_key=key)
    await client.vouchers.enable(code)
    await client.redeem(codes=[code], order=CART, session_key=key)
    assert account_of(server, campaign).uses == 1


def _session(key: str) -> SessionRequest:
    request = SessionRequest(key=key)
    request.ttl.FromTimedelta(timedelta(minutes=5))
    return request


@pytest.mark.parametrize("used_before", [0, 1])
@pytest.mark.parametrize("limit", [2, 7])
async def test_further_uses_of_a_single_use_code_are_exact(
    server: ServerProcess, client: PromoClient, limit: int, used_before: int
) -> None:
    campaign = await new_campaign(client, SINGLE)
    (code,) = await codes_of(client, campaign)
    if used_before:
        await client.redeem(codes=[code], order=CART)
    changed = await client.vouchers.update(Voucher(code=code, redemption_limit=limit), ["redemption_limit"])
    assert (changed.redemption_limit, changed.redeemed_count) == (limit, used_before)
    endings = await race(client.redeem(codes=[code], order=CART) for _ in range(40))
    assert endings == {OK: limit - used_before, "CODE_USES_EXHAUSTED": 40 - limit + used_before}
    assert account_of(server, campaign).uses == limit
    assert (await client.vouchers.get(code)).redeemed_count == limit


async def test_rollbacks_return_first_and_further_uses_alike(server: ServerProcess, client: PromoClient) -> None:
    campaign = await new_campaign(client, SINGLE)
    (code,) = await codes_of(client, campaign)
    first = await client.redeem(codes=[code], order=CART)
    await client.vouchers.update(Voucher(code=code, redemption_limit=3), ["redemption_limit"])
    second = await client.redeem(codes=[code], order=CART)
    third = await client.redeem(codes=[code], order=CART)
    for undone in (first, third, second):
        assert await ending(client.redeem(codes=[code], order=CART)) == "CODE_USES_EXHAUSTED"
        await client.rollback(undone.id)
        account_of(server, campaign)
        await client.redeem(codes=[code], order=CART)
    assert account_of(server, campaign).uses == 3


async def test_a_limit_below_what_was_used_refuses_until_enough_was_rolled_back(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, SINGLE)
    (code,) = await codes_of(client, campaign)
    await client.vouchers.update(Voucher(code=code, redemption_limit=3), ["redemption_limit"])
    used = [await client.redeem(codes=[code], order=CART) for _ in range(3)]
    await client.vouchers.update(Voucher(code=code), ["redemption_limit"])
    for redemption in used:
        assert await ending(client.redeem(codes=[code], order=CART)) == "CODE_USES_EXHAUSTED"
        assert not (await client.validate(codes=[code], order=CART)).valid
        await client.rollback(redemption.id)
    assert (await client.validate(codes=[code], order=CART)).valid
    await client.redeem(codes=[code], order=CART)
    assert account_of(server, campaign).uses == 1


async def test_a_hold_from_before_a_change_of_the_limit_is_confirmed_with_its_own_use(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, SINGLE)
    (code,) = await codes_of(client, campaign)
    keys = [uuid.uuid4().hex, uuid.uuid4().hex]
    assert (await client.validate(codes=[code], order=CART, session=_session(keys[0]))).valid
    await client.vouchers.update(Voucher(code=code, redemption_limit=2), ["redemption_limit"])
    assert (await client.validate(codes=[code], order=CART, session=_session(keys[1]))).valid
    assert await ending(client.redeem(codes=[code], order=CART)) == "CODE_USES_EXHAUSTED"
    for key in keys:
        await client.redeem(codes=[code], order=CART, session_key=key)
    assert account_of(server, campaign).uses == 2


async def test_a_code_of_many_uses_can_become_one_of_few(client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_code=50))
    (code,) = await codes_of(client, campaign)
    await client.redeem(codes=[code], order=CART)
    await client.vouchers.update(Voucher(code=code, redemption_limit=1), ["redemption_limit"])
    assert await ending(client.redeem(codes=[code], order=CART)) == "CODE_USES_EXHAUSTED"
    await client.vouchers.update(Voucher(code=code, redemption_limit=0), ["redemption_limit"])
    assert await race(client.redeem(codes=[code], order=CART) for _ in range(60)) == {OK: 60}


async def test_own_terms_replace_the_campaigns(client: PromoClient) -> None:
    campaign = await new_campaign(
        client, SINGLE, validity=validity(start=datetime(2020, 1, 1, tzinfo=UTC), end=datetime(2021, 1, 1, tzinfo=UTC))
    )
    late, cheap, early = await codes_of(client, campaign, 3)
    assert await ending(client.redeem(codes=[late], order=CART)) == "PROMOTION_EXPIRED"
    fields = Voucher(code=late, expire_time=in_days(1), discount=amount_off(7_00), metadata={"reason": "goodwill"})
    changed = await client.vouchers.update(fields, ["expire_time", "discount", "metadata"])
    assert dict(changed.metadata) == {"reason": "goodwill"}
    answer = await client.validate(codes=[late], order=CART)
    assert answer.order.total_discount_amount == 7_00
    assert answer.results[0].discount == amount_off(7_00)
    redemption = await client.redeem(codes=[late], order=CART)
    assert redemption.order.total_discount_amount == 7_00
    await client.vouchers.update(Voucher(code=cheap, expire_time=in_days(1)), ["expire_time"])
    assert (await client.redeem(codes=[cheap], order=CART)).order.total_discount_amount == OFF
    await client.vouchers.update(
        Voucher(code=early, start_time=in_days(1), expire_time=in_days(2)), ["start_time", "expire_time"]
    )
    assert await ending(client.redeem(codes=[early], order=CART)) == "PROMOTION_NOT_STARTED"


async def test_a_deleted_voucher_is_unknown_and_never_handed_out(server: ServerProcess, client: PromoClient) -> None:
    for limits in (SINGLE, Limits(per_code=5), Limits()):
        campaign = await new_campaign(client, limits, code_count=4)
        codes = await codes_of(client, campaign, 4)
        used = await client.redeem(codes=[codes[1]], order=CART)
        for code in codes[:2]:
            await client.vouchers.delete(code)
            assert await ending(client.redeem(codes=[code], order=CART)) == "CODE_NOT_FOUND"
            assert await ending(client.vouchers.get(code)) == "CODE_NOT_FOUND"
            assert await ending(client.vouchers.enable(code)) == "CODE_NOT_FOUND"
        await client.rollback(used.id)
        published = [(await client.publish(campaign=campaign.name, customer=f"c{n}")).codes[0] for n in range(2)]
        assert published == codes[2:]
        assert await ending(client.publish(campaign=campaign.name, customer="c3")) == "CODES_EXHAUSTED"
        assert account_of(server, campaign).uses == 0


async def test_a_repeated_change_gets_the_first_answer_and_an_old_etag_none(client: PromoClient) -> None:
    campaign = await new_campaign(client, SINGLE)
    (code,) = await codes_of(client, campaign)
    before = await client.vouchers.get(code)
    first = await client.vouchers.disable(code, request_id="change-" + code, etag=before.etag)
    assert await client.vouchers.disable(code, request_id="change-" + code, etag=before.etag) == first
    with pytest.raises(exceptions.EtagMismatch):
        await client.vouchers.enable(code, etag=before.etag)
    with pytest.raises(exceptions.RequestIdReused):
        await client.vouchers.disable(code, request_id="change-" + code)
    await client.vouchers.delete(code, request_id="delete-" + code)
    await client.vouchers.delete(code, request_id="delete-" + code)
    with pytest.raises(exceptions.CodeNotFound):
        await client.vouchers.delete(code)


async def test_concurrent_changes_of_one_voucher_are_all_kept(client: PromoClient) -> None:
    campaign = await new_campaign(client, SINGLE)
    (code,) = await codes_of(client, campaign)
    changes = [
        client.vouchers.update(Voucher(code=code, redemption_limit=9), ["redemption_limit"]),
        client.vouchers.update(Voucher(code=code, expire_time=in_days(3)), ["expire_time"]),
        client.vouchers.update(Voucher(code=code, discount=amount_off(1)), ["discount"]),
        client.vouchers.disable(code),
    ]
    assert await race(changes) == {OK: 4}
    now = await client.vouchers.get(code)
    assert (now.redemption_limit, now.discount, now.enabled) == (9, amount_off(1), False)
    assert now.etag.endswith(".4")


async def test_a_dry_run_changes_nothing_and_fails_as_the_change_would(client: PromoClient) -> None:
    campaign = await new_campaign(client, SINGLE)
    (code,) = await codes_of(client, campaign)
    told = await client.vouchers.update(
        Voucher(code=code, redemption_limit=5), ["redemption_limit"], validate_only=True
    )
    assert told.redemption_limit == 5
    assert (await client.vouchers.get(code)).redemption_limit == 1
    for wrong, fields, field in (
        (Voucher(code=code, redemption_limit=-1), ["redemption_limit"], "voucher.redemption_limit"),
        (Voucher(code=code, discount=amount_off(0)), ["discount"], "voucher.discount.amount.amount_off"),
        (
            Voucher(code=code, start_time=in_days(2), expire_time=in_days(1)),
            ["start_time", "expire_time"],
            "voucher.expire_time",
        ),
        (Voucher(code=code), ["holder"], "update_mask"),
        (Voucher(code=code), [], "update_mask"),
        (Voucher(), ["metadata"], "voucher.code"),
        (Voucher(code=code, metadata={"": "x"}), ["metadata"], "voucher.metadata key"),
        (Voucher(code="x" * 129), ["metadata"], "voucher.code"),
    ):
        with pytest.raises(exceptions.FieldInvalid) as refused:
            await client.vouchers.update(wrong, fields, validate_only=True)
        assert [one.field for one in refused.value.violations] == [field]


async def test_a_list_has_every_voucher_by_position_with_what_is_known_of_it(client: PromoClient) -> None:
    campaign = await new_campaign(client, SINGLE, code_count=250)
    codes = await codes_of(client, campaign, 250)
    for number in range(3):
        await client.publish(campaign=campaign.name, customer=f"customer-{number}")
    used = await client.redeem(codes=[codes[5]], order=CART)
    await client.redeem(codes=[codes[6]], order=CART)
    await client.rollback(used.id)
    await client.vouchers.disable(codes[7])
    await client.vouchers.delete(codes[8])
    listed = [voucher async for voucher in client.vouchers.list(campaign.name, page_size=100)]
    assert [voucher.code for voucher in listed] == [code for code in codes if code != codes[8]]
    for voucher in (listed[0], listed[5], listed[6], listed[7], listed[200]):
        assert voucher == await client.vouchers.get(voucher.code)

    async def codes_where(**wanted: object) -> list[str]:
        pages = client.vouchers.list(campaign.name, filter=VoucherFilter(**wanted), page_size=2)  # type: ignore[arg-type]
        return [voucher.code async for voucher in pages]

    assert await codes_where(holder="customer-1") == [codes[1]]
    assert await codes_where(published=True) == codes[:3]
    assert await codes_where(redeemed=True) == [codes[6]]
    assert await codes_where(disabled=True) == await codes_where(edited=True) == [codes[7]]
    assert await codes_where(published=True, redeemed=True) == []
    rest = [code for code in codes[3:] if code not in (codes[6], codes[7], codes[8])]
    assert await codes_where(published=False, redeemed=False, disabled=False, edited=False) == rest


async def test_a_page_anywhere_in_a_campaign_of_a_billion_codes_is_spelled_from_positions(client: PromoClient) -> None:
    campaign = await new_campaign(client, SINGLE, code_count=1_000_000_000)
    page = await anext(client.vouchers.list(campaign.name, first_position=999_999_950).pages())
    assert (len(page.items), page.next_page_token) == (50, "")
    assert page.items[-1] == await client.vouchers.get(page.items[-1].code)
    page = await anext(client.vouchers.list(campaign.name, first_position=2**61).pages())
    assert (len(page.items), page.next_page_token) == (0, "")


async def test_a_list_refuses_tokens_of_other_lists_and_positions_that_are_none(client: PromoClient) -> None:
    campaign = await new_campaign(client, SINGLE)
    page = await anext(client.vouchers.list(campaign.name, page_size=1).pages())
    published = VoucherFilter(published=True)
    with pytest.raises(exceptions.PageTokenInvalid):
        await anext(client.vouchers.list(campaign.name, page_token=page.next_page_token, filter=published).pages())
    with pytest.raises(exceptions.FieldInvalid):
        await anext(client.vouchers.list(campaign.name, first_position=-1).pages())
    with pytest.raises(exceptions.CampaignNotFound):
        await anext(client.vouchers.list("no such campaign").pages())


async def listed(client: PromoClient, name: str, text: str, *, size: int = 7, **more: Any) -> list[str]:
    wanted = VoucherFilter(code_prefix=text, **more)
    found = client.vouchers.list(name, filter=wanted, page_size=size, require_fresh=True)
    return [voucher.code async for voucher in found]


async def test_vouchers_are_listed_by_what_their_codes_begin_with(client: PromoClient) -> None:
    campaign = await new_campaign(client, SINGLE, code_layout=CodeLayout(prefix="AB-", length=8))
    named = f"ab-Named-{uuid.uuid4().hex}"
    await client.vouchers.create(named, campaign=campaign.name)
    codes = await codes_of(client, campaign, campaign.code_count)
    text = codes[0][:4]
    same = [code for code in codes if code.startswith(text)]
    assert 5 < len(same) < 500
    assert await listed(client, campaign.name, text) == same
    assert await listed(client, campaign.name, text.lower()) == same
    assert await listed(client, campaign.name, codes[0].lower()) == codes[:1]
    assert await listed(client, campaign.name, "AB-", size=1_000) == codes
    # To computed codes it is what all begin with, to the named one it is how it is spelled.
    assert await listed(client, campaign.name, "ab-", size=1_000) == [*codes, named]
    assert await listed(client, campaign.name, "ab-Named") == [named]
    for nothing in ("B", codes[0] + "X", "AB-" + "é" * 60, "%", "'"):
        assert await listed(client, campaign.name, nothing) == [], nothing

    used, deleted, disabled = same[1], same[2], same[3]
    await client.redeem(codes=[used], order=CART)
    await client.vouchers.delete(deleted)
    await client.vouchers.disable(disabled)
    await client.vouchers.disable(next(code for code in codes if code not in same))
    assert await listed(client, campaign.name, text) == [code for code in same if code != deleted]
    assert await listed(client, campaign.name, text, redeemed=True) == [used]
    assert await listed(client, campaign.name, text.lower(), disabled=True) == [disabled]
    left = [code for code in same if code not in (used, deleted)]
    assert await listed(client, campaign.name, text, redeemed=False, size=3) == left
    with pytest.raises(exceptions.FieldInvalid, match="code_prefix: has more than 128 bytes"):
        await listed(client, campaign.name, "A" * 129)


async def test_a_beginning_is_long_enough_where_codes_are_too_many_to_look_at(client: PromoClient) -> None:
    campaign = await new_campaign(client, code_count=1_000_000_000)
    (code,) = await codes_of(client, campaign)
    middle = (await anext(aiter(client.vouchers.list(campaign.name, first_position=700_000_000, page_size=1)))).code
    assert len(code) == 11
    for whole in (code, middle):
        found = await listed(client, campaign.name, whole[:7].lower())
        assert whole in found
        assert all(one.startswith(whole[:7]) for one in found)
        assert await listed(client, campaign.name, whole) == [whole]
    with pytest.raises(exceptions.FieldInvalid, match=r"filter.code_prefix: needs 2 more symbols") as refused:
        await listed(client, campaign.name, code[:5])
    assert refused.value.violations[0].field == "filter.code_prefix"
    # Of vouchers that something has happened to, any beginning finds its own.
    held = (await client.publish(campaign=campaign.name, customer="prefix-1")).codes[0]
    assert await listed(client, campaign.name, held[:2], published=True) == [held]
    assert await listed(client, campaign.name, held[:1], holder="prefix-1") == [held]
    assert await listed(client, campaign.name, "A", published=True) == []


async def test_stored_codes_are_found_by_a_beginning_as_they_are_spelled(client: PromoClient) -> None:
    layout = CodeLayout(length=6, charset="0123456789")
    first, second = [await new_campaign(client, code_count=20_000, code_layout=layout) for _ in range(2)]
    own = [voucher.code async for voucher in client.vouchers.list(first.name, page_size=1_000)]
    for text in ("", "7", "71", own[500][:3], own[500]):
        wanted = [code for code in own if code.startswith(text)]
        assert await listed(client, first.name, text, size=1_000) == wanted, text
        assert not set(wanted) & set(await listed(client, second.name, text, size=1_000)), text
    await client.vouchers.create(f"Spelled-{own[0]}", campaign=first.name)
    assert await listed(client, first.name, "Spelled") == [f"Spelled-{own[0]}"]
    assert await listed(client, first.name, "spelled") == []
