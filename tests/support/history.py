"""Rows of the archive by the thousand, written by the real bulk insert."""

from __future__ import annotations

from promo.v1 import event_pb2, redeemable_pb2, redemption_pb2
from promo_server.domain.ledger import StreamId
from promo_server.services.ports import Database
from promo_server.store.ledger import LedgerFact
from promo_server.workers.facts import BatchBuilder

BEGIN_MS = 1_795_000_000_000


def redemption(
    number: int,
    *,
    customer: str,
    campaigns: tuple[str, ...] = ("camp_a",),
    order: str = "",
    discount: int = 500,
    at_ms: int | None = None,
) -> event_pb2.LedgerEntry:
    """Return the entry of a redemption with one voucher of each campaign; its id sorts like its number."""
    entry = event_pb2.LedgerEntry(request_id=f"q{number}")
    entry.customer.source_id = customer
    fact = entry.redemption
    fact.id = f"r_{number:016x}"
    fact.customer = customer
    fact.redeem_time.FromMilliseconds(BEGIN_MS + number if at_ms is None else at_ms)
    fact.state = redemption_pb2.REDEMPTION_STATE_SUCCEEDED
    fact.order.source_id = order
    fact.order.currency_code = "GBP"
    fact.order.amount = 10_000
    fact.order.total_discount_amount = discount
    for place, campaign in enumerate(campaigns):
        fact.results.add(
            code=f"C{number}",
            status=redeemable_pb2.REDEEMABLE_STATUS_APPLICABLE,
            campaign_id=campaign,
            voucher_id=f"v_{campaign}_{number}_{place}",
            applied_discount_amount=discount,
            redemption_id=f"{fact.id}.{place}",
        )
    return entry


async def write(database: Database, project_id: str, entries: list[event_pb2.LedgerEntry]) -> None:
    """Write entries as the projection does, in one transaction."""
    builder = BatchBuilder(project_id)
    for place, entry in enumerate(entries):
        builder.add(0, LedgerFact(StreamId(BEGIN_MS, place), entry.SerializeToString(), []))
    async with database.write() as unit:
        await unit.archive.write(project_id, builder.finish({}))


async def write_publication(
    database: Database,
    project_id: str,
    entry: event_pb2.LedgerEntry,
    number: int,
    positions: list[int],
) -> None:
    """Write a publication of the campaign with number 7."""
    builder = BatchBuilder(project_id)
    builder.add(0, LedgerFact(StreamId(BEGIN_MS, number), entry.SerializeToString(), positions))
    async with database.write() as unit:
        await unit.archive.write(project_id, builder.finish({entry.publication.campaign_id: 7}))
