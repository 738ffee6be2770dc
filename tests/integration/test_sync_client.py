"""The client for threads against a running server: the whole life of a code, and many threads on one client."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from support.server_process import KEY, ServerProcess

from promo.client import (
    Campaign,
    Limits,
    SyncPromoClient,
    exceptions,
    item,
    order,
    percent_off,
    publish_request,
)
from promo.v1.publication_pb2 import Publication

CART = order("GBP", [item("mug", price=12_50, quantity=2), item("plate", price=5_00)])


@pytest.fixture
def client(server: ServerProcess) -> Iterator[SyncPromoClient]:
    with SyncPromoClient.connect(server.target, key=KEY, timeout=30.0) as connected:
        yield connected


def new_campaign(client: SyncPromoClient, limits: Limits, code_count: int = 1_000) -> Campaign:
    return client.campaigns.create(
        Campaign(
            name=f"threads-{uuid.uuid4().hex}",
            currency_code="GBP",
            discount=percent_off(20),
            limits=limits,
            code_count=code_count,
        ),
    )


def test_a_code_is_published_held_redeemed_and_rolled_back(client: SyncPromoClient) -> None:
    campaign = new_campaign(client, Limits(per_code=1))
    [code] = client.publish(campaign=campaign.name, customer="17850").codes
    hold = client.validate(codes=[code], order=CART, session=timedelta(minutes=5)).session
    assert list(client.sessions.get(hold.key).codes) == [code]
    redemption = client.redeem(codes=[code], order=CART, session_key=hold.key)
    assert redemption.order.total_amount == 24_00
    with pytest.raises(exceptions.CodeUsesExhausted):
        client.redeem(codes=[code], order=CART)
    assert client.rollback(redemption.id).returned_discount_amount == 6_00
    assert client.vouchers.get(code).campaign_id == campaign.id


def test_codes_are_added_listed_and_exported(client: SyncPromoClient) -> None:
    campaign = new_campaign(client, Limits(per_code=1), code_count=100)
    client.codes.create_batch(campaign.name, 20_000)
    assert [batch.code_count for batch in client.codes.list_batches(campaign.name)] == [100, 20_000]
    codes = [code for piece in client.codes.export(campaign.name) for code in piece.codes]
    assert len(set(codes)) == 20_100
    assert campaign.id in {listed.id for listed in client.campaigns.list(page_size=2)}


def test_a_batch_answers_each_item_for_itself(client: SyncPromoClient) -> None:
    campaign = new_campaign(client, Limits(per_code=1))
    good, bad = client.batch_publish(
        [publish_request(campaign=campaign.name, customer="a"), publish_request(campaign="no-such", customer="a")],
    )
    assert isinstance(good, Publication)
    assert isinstance(bad, exceptions.CampaignNotFound)


def test_many_threads_share_one_client_and_a_limit_is_used_up_exactly(client: SyncPromoClient) -> None:
    campaign = new_campaign(client, Limits(per_campaign=25))
    [code] = client.publish(campaign=campaign.name, customer="a").codes
    threads, attempts = 16, 5
    together = threading.Barrier(threads)

    def shop(_: int) -> Counter[str]:
        ended: Counter[str] = Counter()
        together.wait()
        for _attempt in range(attempts):
            try:
                client.redeem(codes=[code], order=CART)
                ended["redeemed"] += 1
            except exceptions.CampaignLimitReached:
                ended["refused"] += 1
        return ended

    with ThreadPoolExecutor(threads) as pool:
        total = sum(pool.map(shop, range(threads)), Counter[str]())
    assert total == {"redeemed": 25, "refused": threads * attempts - 25}


def test_threads_stream_and_call_at_the_same_time_and_get_their_own_answers(client: SyncPromoClient) -> None:
    campaign = new_campaign(client, Limits(per_code=1), code_count=30_000)
    whole = [code for piece in client.codes.export(campaign.name) for code in piece.codes]

    def export(number: int) -> bool:
        first = number * 1_000
        pieces = client.codes.export(campaign.name, first_position=first, code_count=1_000)
        return [code for piece in pieces for code in piece.codes] == whole[first : first + 1_000]

    def publish(number: int) -> bool:
        customer = f"customer-{number}"
        return client.publish(campaign=campaign.name, customer=customer).customer == customer

    with ThreadPoolExecutor(12) as pool:
        exports = [pool.submit(export, number) for number in range(30)]
        calls = [pool.submit(publish, number) for number in range(60)]
        assert all(future.result() for future in (*exports, *calls))
