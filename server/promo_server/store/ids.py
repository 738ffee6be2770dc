"""Ids of what happened and whole ledger entries, as the engine's own module makes them."""

from __future__ import annotations

from promo_server import _native
from promo_server.domain.ledger import StreamId

_LARGEST_POSITION = 2**63 - 1
"""No campaign has more, and SQL has no larger number."""


def whole_entry(partition: int, place: StreamId, blob: bytes, results: str) -> tuple[bytes, list[int]]:
    """Return a ledger entry, serialized, with its ids and results filled in, and the positions handed out."""
    return _native.complete_entry(partition, str(place), blob, results)


def publication_id(campaign_number: int, first_position: int) -> str:
    """Return the id of a publication."""
    return _native.publication_id(campaign_number, first_position)


def voucher_id(campaign_number: int, position: int) -> str:
    """Return the id of the voucher at a position of a campaign."""
    return _native.voucher_id(campaign_number, position)


def place_of_voucher(voucher_id: str) -> tuple[int, int] | None:
    """Return the number of the campaign of the voucher with this id and its position there; None for no voucher's."""
    found = _native.parse_voucher_id(voucher_id)
    return None if found is None or found[1] > _LARGEST_POSITION else found


def customer_id(project: str, source_id: str) -> str:
    """Return the id of a customer."""
    return _native.customer_id(project, source_id)


def place_of_rollback(rollback_id: str) -> tuple[int, StreamId] | None:
    """Return partition and place of a rollback's entry; None when the id is no rollback's."""
    # Both ids are the entry's place; a rollback's has one letter more before it.
    return place_of_redemption(rollback_id[1:]) if rollback_id.startswith("rr_") else None


def place_of_redemption(redemption_id: str) -> tuple[int, StreamId] | None:
    """Return partition and place of a redemption's entry; None when the id is no redemption's."""
    found = _native.parse_redemption_id(redemption_id)
    return None if found is None else (found[0], StreamId.parse(found[1]))
