"""Writes ledger entries the way the store's commit function does."""

from __future__ import annotations

from collections.abc import Sequence

from redis.asyncio import Redis

from promo.v1 import event_pb2, publication_pb2, redeemable_pb2, redemption_pb2
from promo_server.store import keys


async def append(client: Redis, project: str, partition: int, entry: event_pb2.LedgerEntry, results: str) -> str:
    """Append an entry that was committed alone; return the ledger id."""
    [place] = await append_together(client, project, partition, [(entry, results)])
    return place


async def append_together(
    client: Redis, project: str, partition: int, entries: Sequence[tuple[event_pb2.LedgerEntry, str]]
) -> list[str]:
    """Append entries that were committed in one call; return their ledger ids."""
    places: list[bytes] = [
        await client.xadd(keys.ledger(project, partition), {"b": entry.SerializeToString(), "o": results})
        for entry, results in entries
    ]
    await client.xadd(keys.outbox(project, partition), {"l": b" ".join(places)})
    return [place.decode() for place in places]


def redemption(
    customer: str,
    code: str,
    limit: str,
    *,
    discount: int = 500,
    campaign_id: str = "camp_a",
    order: str = "o1",
    at_seconds: int = 1_795_000_000,
) -> event_pb2.LedgerEntry:
    """Return an entry of one coupon with one limit and one budget."""
    entry = event_pb2.LedgerEntry(request_id="r")
    entry.customer.source_id = customer
    fact = entry.redemption
    fact.customer = customer
    fact.redeem_time.seconds = at_seconds
    fact.state = redemption_pb2.REDEMPTION_STATE_SUCCEEDED
    fact.order.source_id = order
    fact.order.currency_code = "GBP"
    fact.order.amount = 10_000
    fact.order.total_discount_amount = discount
    fact.results.add(
        code=code,
        status=redeemable_pb2.REDEEMABLE_STATUS_APPLICABLE,
        campaign_id=campaign_id,
        voucher_id="v_1",
        applied_discount_amount=discount,
    )
    entry.movements.add(limit=limit, kind=event_pb2.LIMIT_KIND_PER_CAMPAIGN, amount=1)
    entry.movements.add(limit="m:1", kind=event_pb2.LIMIT_KIND_DISCOUNT_BUDGET, amount=discount)
    return entry


def rollback(redemption_id: str, limit: str, *, discount: int = 500) -> event_pb2.LedgerEntry:
    """Return an entry that undoes a redemption whole."""
    entry = event_pb2.LedgerEntry()
    fact = entry.rollback
    fact.redemption_id = redemption_id
    fact.rolled_back_ids.append(f"{redemption_id}.0")
    fact.returned_discount_amount = discount
    fact.rollback_time.seconds = 1_795_000_100
    fact.redemption_state = redemption_pb2.REDEMPTION_STATE_ROLLED_BACK
    entry.movements.add(limit=limit, kind=event_pb2.LIMIT_KIND_PER_CAMPAIGN, amount=-1)
    entry.movements.add(limit="m:1", kind=event_pb2.LIMIT_KIND_DISCOUNT_BUDGET, amount=-discount)
    return entry


def publication(campaign_id: str, customer: str, source_id: str = "") -> event_pb2.LedgerEntry:
    """Return an entry of a code handed out."""
    entry = event_pb2.LedgerEntry()
    entry.customer.source_id = customer
    entry.customer.name = "Ada"
    entry.publication.CopyFrom(
        publication_pb2.Publication(campaign_id=campaign_id, customer=customer, source_id=source_id, channel="braze"),
    )
    entry.publication.publish_time.seconds = 1_795_000_000
    return entry
