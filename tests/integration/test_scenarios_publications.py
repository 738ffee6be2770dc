"""Publications: no code is handed out twice, and a repeat returns what was handed out."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from support.server_process import ServerProcess
from support.shop import CART, OK, codes_of, ending, new_campaign, race
from support.truth import PARTITIONS, account_of, store_of

from promo.client import (
    Campaign,
    CodeLayout,
    Limits,
    PromoClient,
    Voucher,
    exceptions,
    publish_request,
    redeem_request,
    validity,
)
from promo.v1.publication_pb2 import Publication
from promo_server.store import ids, keys

pytestmark = [pytest.mark.asyncio, pytest.mark.each_database, pytest.mark.each_store]


def published(results: Sequence[object]) -> list[Publication]:
    return [result for result in results if isinstance(result, Publication)]


def place(voucher: Voucher) -> tuple[int, int]:
    """Return the number of a voucher's campaign and its position there."""
    found = ids.place_of_voucher(voucher.id)
    assert found is not None
    return found


def limit_name(number: int, position: int) -> str:
    """Return the name of the limit on uses of a code."""
    return ids.voucher_id(number, position).replace("v_", "k:").replace("_", ":")


async def test_no_code_is_handed_out_twice_and_every_code_once(client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_code=1), code_count=300)
    single = [client.publish(campaign=campaign.name, customer=f"c{n}") for n in range(60)]
    several = [client.publish(campaign=campaign.name, customer=f"d{n}", count=5) for n in range(20)]
    batches = [
        client.batch_publish([publish_request(campaign=campaign.name, customer=f"e{n}") for n in range(100)])
        for _ in range(2)
    ]
    one, many, batch = await asyncio.gather(
        asyncio.gather(*single, return_exceptions=True),
        asyncio.gather(*several, return_exceptions=True),
        asyncio.gather(*batches),
    )
    results = [*one, *many, *(result for part in batch for result in part)]
    codes = Counter(code for publication in published(results) for code in publication.codes)
    refused = Counter(
        str(getattr(result, "reason_name", "")) for result in results if not isinstance(result, Publication)
    )
    assert set(codes.values()) == {1}
    assert set(refused) <= {"CODES_EXHAUSTED"}
    # Publications of five may find four left; singles then take those.
    for n in range(4):
        await ending(client.publish(campaign=campaign.name, customer=f"f{n}"))
    assert await race([client.publish(campaign=campaign.name, customer="late")]) == {"CODES_EXHAUSTED": 1}
    counts = await client.publications.count_codes(campaign.name)
    assert (counts.issued_count, counts.published_count, counts.unpublished_count) == (300, 300, 0)


async def test_c20_as_many_publications_as_codes_succeed(client: PromoClient) -> None:
    campaign = await new_campaign(client, code_count=40)
    endings = await race(client.publish(campaign=campaign.name, customer=f"c{n}") for n in range(60))
    assert endings == {OK: 40, "CODES_EXHAUSTED": 20}


async def test_a_large_batch_of_large_publications_all_succeeds(client: PromoClient) -> None:
    campaign = await new_campaign(client, Limits(per_code=1), code_count=30_000)
    requests = [publish_request(campaign=campaign.name, customer=f"c{n}", count=50) for n in range(500)]
    results = await client.batch_publish(requests, timeout=60)
    assert len(published(results)) == 500, Counter(getattr(one, "reason_name", OK) for one in results)
    codes = {code for publication in published(results) for code in publication.codes}
    assert len(codes) == 25_000


async def test_a_source_id_is_one_publication_for_whoever_asks(client: PromoClient) -> None:
    campaign = await new_campaign(client)
    calls = [client.publish(campaign=campaign.name, customer=f"c{n % 3}", source_id="mail-1") for n in range(30)]
    answers = await asyncio.gather(*calls)
    assert all(answer == answers[0] for answer in answers)
    assert (await client.publications.count_codes(campaign.name)).published_count == 1
    with pytest.raises(exceptions.PublicationMismatch):
        await client.publish(campaign=campaign.name, customer="c0", count=2, source_id="mail-1")
    other = await new_campaign(client)
    assert (await client.publish(campaign=other.name, customer="c0", source_id="mail-1")).codes != answers[0].codes


async def test_a_customer_joins_once(client: PromoClient) -> None:
    campaign = await new_campaign(client, join_once=True)
    calls = [client.publish(campaign=campaign.name, customer=f"c{n % 4}") for n in range(40)]
    answers = await asyncio.gather(*calls)
    assert len({answer.id for answer in answers}) == 4
    assert (await client.publications.count_codes(campaign.name)).published_count == 4
    [held] = await client.publications.held(campaign.name, "c0")
    again = await client.publish(campaign=campaign.name, customer="c0", source_id="another-mail")
    assert again == held


async def test_joining_once_returns_what_the_customer_holds_however_many_codes_that_are(client: PromoClient) -> None:
    campaign = await new_campaign(client)
    first = await client.publish(campaign=campaign.name, customer="a", count=3)
    assert await client.publish(campaign=campaign.name, customer="a", join_once=True) == first


async def test_a_repeated_publication_has_the_first_answer(client: PromoClient) -> None:
    campaign = await new_campaign(client)
    request_id = uuid.uuid4().hex
    calls = [client.publish(campaign=campaign.name, customer="a", count=2, request_id=request_id) for _ in range(15)]
    answers = await asyncio.gather(*calls)
    assert all(answer == answers[0] for answer in answers)
    assert await race([client.publish(campaign=campaign.name, customer="b", count=2, request_id=request_id)]) == {
        "REQUEST_ID_REUSED": 1
    }
    assert (await client.publications.count_codes(campaign.name)).published_count == 2


async def test_a_repeat_of_what_an_earlier_publication_answered_has_that_answer(client: PromoClient) -> None:
    """The request id is taken by such an answer, too: nobody else may come between it and its repeat."""
    campaign = await new_campaign(client)
    first = await client.publish(campaign=campaign.name, customer="a", source_id="mail-1")
    request_id = uuid.uuid4().hex

    def join(customer: str) -> Awaitable[Publication]:
        return client.publish(campaign=campaign.name, customer=customer, join_once=True, request_id=request_id)

    assert all(answer == first for answer in await asyncio.gather(*(join("a") for _ in range(8))))
    assert await ending(join("b")) == "REQUEST_ID_REUSED"
    assert await join("a") == first
    # What was refused has taken no id.
    other_id = uuid.uuid4().hex
    mismatch = client.publish(campaign=campaign.name, customer="a", count=2, source_id="mail-1", request_id=other_id)
    assert await ending(mismatch) == "PUBLICATION_MISMATCH"
    again = await client.publish(campaign=campaign.name, customer="a", source_id="mail-1", request_id=other_id)
    assert again == first


async def test_a_customer_with_many_publications_holds_them_all_in_order(client: PromoClient) -> None:
    for layout in (None, CodeLayout(length=4, charset="0123456789")):
        campaign = await new_campaign(client, code_count=3_000, code_layout=layout)
        requests = [publish_request(campaign=campaign.name, customer="a", count=1 + n % 3) for n in range(600)]
        batches = [await client.batch_publish(requests, timeout=60) for _ in range(2)]
        made = {one.id: one for batch in batches for one in published(batch)}
        held = await client.publications.held(campaign.name, "a")
        assert {one.id: one for one in held} == made
        codes = await codes_of(client, campaign, 2_400)
        assert [code for one in held for code in one.codes] == codes


async def test_words_of_a_blocklist_are_not_counted_as_codes(client: PromoClient) -> None:
    layout = CodeLayout(length=8, charset="ABCDEFGH", blocklist=["AB", "CD"])
    campaign = await new_campaign(client, code_count=500, code_layout=layout)

    async def counts() -> tuple[int, int, int]:
        found = await client.publications.count_codes(campaign.name)
        return found.issued_count, found.published_count, found.unpublished_count

    assert await counts() == (500, 0, 500)
    for number in range(10):
        await client.publish(campaign=campaign.name, customer=f"c{number}", count=30)
    assert await counts() == (500, 300, 200)
    preview = client.publish(campaign=campaign.name, customer="b", count=50, validate_only=True)
    assert await ending(preview) == OK
    for number in range(10):
        await client.publish(campaign=campaign.name, customer=f"d{number}", count=20)
    assert await counts() == (500, 500, 0)
    for validate_only in (True, False):
        call = client.publish(campaign=campaign.name, customer="b", validate_only=validate_only)
        assert await ending(call) == "CODES_EXHAUSTED"


async def test_a_campaign_that_is_over_repeats_publications_and_makes_none(client: PromoClient) -> None:
    campaign = await new_campaign(client)
    ids = {"request_id": uuid.uuid4().hex, "source_id": "mail-1"}
    first = await client.publish(campaign=campaign.name, customer="a", **ids)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    over = Campaign(id=campaign.id, validity=validity(end=yesterday))
    await client.campaigns.update(over, ["validity"])
    assert (await client.publish(campaign=campaign.name, customer="a", **ids)).codes == first.codes
    assert (await client.publish(campaign=campaign.name, customer="a", source_id="mail-1")).codes == first.codes
    assert (await client.publish(campaign=campaign.name, customer="a", join_once=True)).codes == first.codes
    endings = await race(
        client.publish(campaign=campaign.name, customer="a", validate_only=only) for only in (False, True)
    )
    assert endings == {"PROMOTION_EXPIRED": 2}
    assert (await client.publications.count_codes(campaign.name)).published_count == 1


async def test_a_long_run_of_used_codes_is_passed_over(server: ServerProcess, client: PromoClient) -> None:
    """Codes that were printed and used without being published must not keep the others from being handed out."""
    campaign = await new_campaign(client, Limits(per_code=1), code_count=2_000)
    codes = await codes_of(client, campaign, 2_000)
    for start in (0, 700):
        requests = [redeem_request(codes=[code], order=CART) for code in codes[start : start + 700]]
        assert all(not isinstance(one, Exception) for one in await client.batch_redeem(requests, timeout=60))
    await client.redeem(codes=codes[1_401:1_402], order=CART)
    handed = await client.publish(campaign=campaign.name, customer="a", count=2)
    assert list(handed.codes) == [codes[1_400], codes[1_402]]
    assert account_of(server, campaign).uses == 1_401


@pytest.mark.parametrize("withheld_every", [0, 8])
async def test_codes_of_one_publication_may_lie_far_apart(
    server: ServerProcess, client: PromoClient, withheld_every: int
) -> None:
    """All codes but the first were used before they were published; some of them were kept from being published."""
    far, project = 150_000, str(server.ready["project_id"])
    campaign = await new_campaign(client, Limits(per_code=1), code_count=200_000)
    (first,) = await codes_of(client, campaign, 1)
    number, _ = place(await client.vouchers.get(first))
    with store_of(server) as store, store.pipeline(transaction=False) as pipe:
        for position in range(1, far):
            if withheld_every and position % withheld_every == 0:
                bucket, field = divmod(position, keys.positions_per_bucket())
                pipe.hset(keys.holders(project, number, bucket, PARTITIONS), str(field), "-")
            else:
                page, offset = keys.limit(project, limit_name(number, position), PARTITIONS, single_use=True)
                pipe.setbit(page, offset or 0, 1)
        pipe.execute()
    handed = await client.publish(campaign=campaign.name, customer="a", count=2)
    places = [place(await client.vouchers.get(code)) for code in handed.codes]
    assert places == [(number, 0), (number, far)]


async def test_publications_that_go_together_keep_to_their_own_codes(
    server: ServerProcess, client: PromoClient
) -> None:
    """A large one that finds some codes at first and looks on is committed together with small ones."""
    project = str(server.ready["project_id"])
    counts = {"large": 30} | {f"small-{n}": 1 for n in range(9)}

    async def publish(campaign: Campaign, customer: str) -> Publication:
        await asyncio.sleep(random.random() * 0.003)
        count = counts[customer]
        return await client.publish(campaign=campaign.name, customer=customer, count=count, source_id=customer)

    for _ in range(6):
        campaign = await new_campaign(client, Limits(per_code=1), code_count=6_000)
        (first,) = await codes_of(client, campaign, 1)
        number, _ = place(await client.vouchers.get(first))
        # As many are free at first as a call names buckets, and no more before the next round.
        used = [int(position >= 170 or position % 10 > 0) for position in range(5_000)]
        page, _ = keys.limit(project, limit_name(number, 0), PARTITIONS, single_use=True)
        with store_of(server) as store:
            store.set(page, bytes(int("".join(map(str, used[at : at + 8])), 2) for at in range(0, len(used), 8)))
        handed = await asyncio.gather(*(publish(campaign, customer) for customer in counts))
        every = [code for one in handed for code in one.codes]
        assert len(set(every)) == len(every) == sum(counts.values())
        vouchers = [await client.vouchers.get(code) for code in every]
        assert Counter(voucher.holder for voucher in vouchers) == counts
        places = [place(voucher)[1] for voucher in vouchers]
        assert all(position >= len(used) or not used[position] for position in places)
        for one in handed:
            assert (await publish(campaign, one.customer)).codes == one.codes


async def test_who_holds_a_code_is_known(client: PromoClient) -> None:
    campaign = await new_campaign(client)
    publication = await client.publish(campaign=campaign.name, customer="a", count=3)
    for code in publication.codes:
        voucher = await client.vouchers.get(code)
        assert (voucher.holder, voucher.publish_time) == ("a", publication.publish_time)
    [other] = [code for code in await codes_of(client, campaign, 4) if code not in publication.codes]
    assert (await client.vouchers.get(other)).holder == ""


async def test_a_code_starts_to_run_when_it_is_published(client: PromoClient) -> None:
    campaign = await new_campaign(client, validity=validity(after_publishing=timedelta(seconds=2)))
    unpublished = (await codes_of(client, campaign, 10))[-1]
    assert await race([client.redeem(codes=[unpublished], order=CART)]) == {"CODE_NOT_PUBLISHED": 1}
    publication = await client.publish(campaign=campaign.name, customer="a", count=2)
    first, second = publication.codes
    await client.redeem(codes=[first], order=CART)
    await asyncio.sleep(2.1)
    assert await race([client.redeem(codes=[second], order=CART)]) == {"PROMOTION_EXPIRED": 1}
