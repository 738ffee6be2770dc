"""Names of keys in the store.

The engine's key module spells them; this is its face for Python, so that no name is written twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from promo_server import _native


def bundle(project: str, number: int, partitions: int) -> str:
    """Return the key of a campaign's bundle."""
    return _native.bundle_key(project, number, partitions)


def bundle_version(project: str, number: int, partitions: int) -> str:
    """Return the key of the version of a campaign's bundle, which commits compare."""
    return _native.bundle_version_key(project, number, partitions)


def project_bundle(project: str) -> str:
    """Return the key of a project's bundle."""
    return _native.project_bundle_key(project)


def project_version(project: str, partition: int) -> str:
    """Return the key of a partition's copy of the project's version, which commits compare."""
    return _native.project_version_key(project, partition)


def auth() -> str:
    """Return the key of the hash of API keys."""
    return _native.auth_key()


def epoch() -> str:
    """Return the key that counts changes of definitions and keys."""
    return _native.epoch_key()


def ledger(project: str, partition: int) -> str:
    """Return the key of a partition's ledger."""
    return _native.ledger_key(project, partition)


def outbox(project: str, partition: int) -> str:
    """Return the key of what consumers of a partition's ledger have not seen."""
    return _native.outbox_key(project, partition)


def stored_code(project: str, code: str, partitions: int) -> str:
    """Return the key that leads from a stored code to its campaign and position."""
    return _native.stored_code_key(project, code, partitions)


def stored_codes(project: str, number: int, bucket: int, partitions: int) -> str:
    """Return the key of the stored codes of one bucket of positions of a campaign."""
    return _native.stored_codes_key(project, number, bucket, partitions)


def put_stored_codes(
    project: str, number: int, first_position: int, codes: Sequence[str], partitions: int
) -> tuple[bytes, int]:
    """Return packed commands that put stored codes at consecutive positions of a campaign, and their number."""
    return _native.put_stored_codes(project, number, first_position, "\n".join(codes), partitions)


def positions_per_bucket() -> int:
    """Return how many neighbouring positions share a bucket."""
    return _native.positions_per_bucket()


def named_from() -> int:
    """Return the position of the first code that a caller named in a campaign with computed codes."""
    return _native.named_from()


def voucher_override(project: str, number: int, position: int, partitions: int) -> str:
    """Return the key of what a voucher that was edited has of its own."""
    return _native.voucher_override_key(project, number, position, partitions)


def cursor(project: str, number: int, partitions: int) -> str:
    """Return the key of how far the publication of a campaign's codes is."""
    return _native.cursor_key(project, number, partitions)


def limit(project: str, name: str, partitions: int, *, single_use: bool) -> tuple[str, int | None]:
    """Return the key of a limit by its name in the ledger; of a single-use code, a page of bits and the offset."""
    return _native.limit_key(project, name, single_use, partitions)


def holds(project: str, partition: int) -> str:
    """Return the key of a partition's holds by expiry."""
    return _native.holds_key(project, partition)


def holders(project: str, number: int, bucket: int, partitions: int) -> str:
    """Return the key of the holders of one bucket of positions of a campaign."""
    return _native.holders_key(project, number, bucket, partitions)


def customer_publication(project: str, number: int, customer: str, partitions: int) -> str:
    """Return the key of the first position of a customer's first publication of a campaign."""
    return _native.customer_publication_key(project, number, customer, partitions)


def further_publications(project: str, number: int, customer: str, partitions: int) -> str:
    """Return the key of the list of the first positions of a customer's further publications of a campaign."""
    return _native.further_publications_key(project, number, customer, partitions)


def source(project: str, number: int, source_id: str, partitions: int) -> str:
    """Return the key of the first position of the publication with a caller's own id."""
    return _native.source_key(project, number, source_id, partitions)


def rolled_back(project: str, partition: int, stream_id: str) -> str:
    """Return the key of the marks of what was rolled back of the redemption at a place."""
    return _native.rolled_back_key(project, partition, stream_id)


def campaign_of_limit(limit: str) -> int | None:
    """Return the number of the campaign that a limit is of, by its name in the ledger; None when it names none."""
    return _native.campaign_of_limit(limit)


def free_slots(project: str, name: str, partitions: int) -> str:
    """Return the key of the slots that were given back to a limit."""
    return _native.free_slots_key(project, name, partitions)


def describe(key: str) -> tuple[str | None, str | None]:
    """Return what a key keeps, for people, and the tag of its partition; None for what is not the product's."""
    return _native.describe_key(key)
