"""Tables of what happened: the projection of the store's ledger.

The store is the truth while it holds an entry; the archive is what remains, and the proof that no limit was passed:
of each limit a slot is active once at most.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

from promo_server.sql.tables.base import DOCUMENT, METADATA, SEQUENCE

CHECKPOINTS = Table(
    "projection_checkpoints",
    METADATA,
    Column("project_id", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    # Fixed-width forms of stream ids, which sort like the ids; empty before the first.
    Column("outbox_id", String(48), nullable=False),
    Column("ledger_id", String(48), nullable=False),
    Column("update_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("project_id", "partition"),
)

ORDER_GIVEN = "order_source_id <> ''"
UNDONE = "state <> 'succeeded'"
SOURCE_ID_GIVEN = "source_id <> ''"
CHANNEL_GIVEN = "channel <> ''"
EMAIL_GIVEN = "email <> ''"
PHONE_GIVEN = "phone <> ''"
NOT_DONE = "done_ms IS NULL"
"""What rows of a partial index have in common. A query finds the index when it says the very same."""


def partial_index(name: str, condition: str, *columns: Column[Any]) -> Index:
    """Return an index of the rows that meet a condition, so that others cost nothing."""
    return Index(name, *columns, sqlite_where=text(condition), postgresql_where=text(condition))


REDEMPTIONS = Table(
    "redemptions",
    METADATA,
    Column("project_id", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("customer", Text, nullable=False),
    Column("order_source_id", Text, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("discount_amount", BigInteger, nullable=False),
    Column("state", String(24), nullable=False),
    Column("redeem_ms", BigInteger, nullable=False),
    Column("request_id", Text, nullable=False),
    # The whole promo.v1.LedgerEntry, serialized.
    Column("entry", LargeBinary, nullable=False),
    PrimaryKeyConstraint("project_id", "id"),
)
_REDEEMED = (REDEMPTIONS.c.redeem_ms, REDEMPTIONS.c.id)
Index("ix_redemptions_time", REDEMPTIONS.c.project_id, *_REDEEMED)
Index("ix_redemptions_customer", REDEMPTIONS.c.project_id, REDEMPTIONS.c.customer, *_REDEEMED)
Index("ix_redemptions_discount", REDEMPTIONS.c.project_id, REDEMPTIONS.c.discount_amount, REDEMPTIONS.c.id)
partial_index("ix_redemptions_order", ORDER_GIVEN, REDEMPTIONS.c.project_id, REDEMPTIONS.c.order_source_id, *_REDEEMED)
partial_index("ix_redemptions_undone", UNDONE, REDEMPTIONS.c.project_id, REDEMPTIONS.c.state, *_REDEEMED)

REDEMPTION_ITEMS = Table(
    "redemption_items",
    METADATA,
    Column("project_id", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("redemption_id", Text, nullable=False),
    Column("redeemable", Integer, nullable=False),
    Column("campaign_id", Text, nullable=False),
    Column("voucher_id", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("discount_amount", BigInteger, nullable=False),
    Column("rollback_id", Text),
    # Of its redemption, so that those of a campaign or voucher are in order.
    Column("redeem_ms", BigInteger, nullable=False),
    # Whether it is the first of its redemption that is of this campaign.
    Column("campaign_first", Boolean, nullable=False),
    PrimaryKeyConstraint("project_id", "id"),
)
_USED = (REDEMPTION_ITEMS.c.redeem_ms, REDEMPTION_ITEMS.c.redemption_id)
Index("ix_redemption_items_redemption", REDEMPTION_ITEMS.c.project_id, REDEMPTION_ITEMS.c.redemption_id)
Index("ix_redemption_items_campaign", REDEMPTION_ITEMS.c.project_id, REDEMPTION_ITEMS.c.campaign_id, *_USED)
Index("ix_redemption_items_voucher", REDEMPTION_ITEMS.c.project_id, REDEMPTION_ITEMS.c.voucher_id, *_USED)

ROLLBACKS = Table(
    "rollbacks",
    METADATA,
    Column("project_id", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("redemption_id", Text, nullable=False),
    Column("returned_amount", BigInteger, nullable=False),
    Column("rollback_ms", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    # The whole promo.v1.LedgerEntry, serialized.
    Column("entry", LargeBinary, nullable=False),
    PrimaryKeyConstraint("project_id", "id"),
)
_ROLLED_BACK = (ROLLBACKS.c.rollback_ms, ROLLBACKS.c.id)
Index("ix_rollbacks_time", ROLLBACKS.c.project_id, *_ROLLED_BACK)
Index("ix_rollbacks_redemption", ROLLBACKS.c.project_id, ROLLBACKS.c.redemption_id, *_ROLLED_BACK)

PUBLICATIONS = Table(
    "publications",
    METADATA,
    Column("project_id", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("ledger_id", String(48), nullable=False),
    Column("campaign_id", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    # Of its codes in the campaign, in the order in which they were issued.
    Column("positions", DOCUMENT, nullable=False),
    Column("publish_ms", BigInteger, nullable=False),
    # The whole promo.v1.LedgerEntry, serialized, with the publication's id.
    Column("entry", LargeBinary, nullable=False),
    PrimaryKeyConstraint("project_id", "id"),
)
_PUBLISHED = (PUBLICATIONS.c.publish_ms, PUBLICATIONS.c.id)
Index("ix_publications_time", PUBLICATIONS.c.project_id, *_PUBLISHED)
Index("ix_publications_campaign", PUBLICATIONS.c.project_id, PUBLICATIONS.c.campaign_id, *_PUBLISHED)
Index("ix_publications_customer", PUBLICATIONS.c.project_id, PUBLICATIONS.c.customer, *_PUBLISHED)
partial_index(
    "ix_publications_source", SOURCE_ID_GIVEN, PUBLICATIONS.c.project_id, PUBLICATIONS.c.source_id, *_PUBLISHED
)
partial_index("ix_publications_channel", CHANNEL_GIVEN, PUBLICATIONS.c.project_id, PUBLICATIONS.c.channel, *_PUBLISHED)
Index(
    "uq_publications_place",
    PUBLICATIONS.c.project_id,
    PUBLICATIONS.c.partition,
    PUBLICATIONS.c.ledger_id,
    unique=True,
)

VOUCHER_STATES = Table(
    "voucher_states",
    METADATA,
    Column("project_id", Text, nullable=False),
    Column("campaign_id", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    # Of the publication that handed it out; null when none did.
    Column("holder", Text),
    Column("publish_ms", BigInteger),
    # Redemptions that count.
    Column("redeemed_count", BigInteger, nullable=False),
    # These are null when nobody edited the voucher.
    Column("disabled", Boolean),
    Column("deleted", Boolean),
    # The promo.v1.VoucherOverride, serialized.
    Column("record", LargeBinary),
    PrimaryKeyConstraint("project_id", "campaign_id", "position"),
    sqlite_with_rowid=False,
)
"""Vouchers that something has happened to; of a campaign's others there is nothing to say."""
Index(
    "ix_voucher_states_holder",
    VOUCHER_STATES.c.project_id,
    VOUCHER_STATES.c.holder,
    VOUCHER_STATES.c.campaign_id,
    VOUCHER_STATES.c.position,
    sqlite_where=text("holder IS NOT NULL"),
    postgresql_where=text("holder IS NOT NULL"),
)
Index(
    "ix_voucher_states_edited",
    VOUCHER_STATES.c.project_id,
    VOUCHER_STATES.c.campaign_id,
    VOUCHER_STATES.c.position,
    sqlite_where=text("record IS NOT NULL"),
    postgresql_where=text("record IS NOT NULL"),
)
Index(
    "ix_voucher_states_redeemed",
    VOUCHER_STATES.c.project_id,
    VOUCHER_STATES.c.campaign_id,
    VOUCHER_STATES.c.position,
    sqlite_where=text("redeemed_count > 0"),
    postgresql_where=text("redeemed_count > 0"),
)

CUSTOMERS = Table(
    "customers",
    METADATA,
    Column("project_id", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("metadata", DOCUMENT, nullable=False),
    Column("create_ms", BigInteger, nullable=False),
    Column("update_ms", BigInteger, nullable=False),
    # What happened up to this time says nothing of the person any more; 0 when never erased.
    Column("erase_ms", BigInteger, nullable=False),
    # Whether no call has named the customer since.
    Column("erased", Boolean, nullable=False),
    PrimaryKeyConstraint("project_id", "source_id"),
)
_SEEN = (CUSTOMERS.c.create_ms, CUSTOMERS.c.source_id)
Index("ix_customers_time", CUSTOMERS.c.project_id, *_SEEN)
partial_index("ix_customers_email", EMAIL_GIVEN, CUSTOMERS.c.project_id, CUSTOMERS.c.email, *_SEEN)
partial_index("ix_customers_phone", PHONE_GIVEN, CUSTOMERS.c.project_id, CUSTOMERS.c.phone, *_SEEN)

ERASURES = Table(
    "erasures",
    METADATA,
    Column("project_id", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("erase_ms", BigInteger, nullable=False),
    # When the last entry of the archive was rewritten.
    Column("done_ms", BigInteger),
    PrimaryKeyConstraint("project_id", "source_id"),
)
partial_index("ix_erasures_not_done", NOT_DONE, ERASURES.c.erase_ms)
"""Persons that were erased: what is left to do for them, and the proof that it was done."""

ORDERS = Table(
    "orders",
    METADATA,
    Column("project_id", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("discount_amount", BigInteger, nullable=False),
    Column("redemption_id", Text, nullable=False),
    Column("create_ms", BigInteger, nullable=False),
    Column("update_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("project_id", "source_id"),
)
_PLACED = (ORDERS.c.create_ms, ORDERS.c.source_id)
Index("ix_orders_time", ORDERS.c.project_id, *_PLACED)
Index("ix_orders_customer", ORDERS.c.project_id, ORDERS.c.customer, *_PLACED)

MOVEMENTS = Table(
    "movements",
    METADATA,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=True),
    Column("project_id", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("ledger_id", String(48), nullable=False),
    Column("ordinal", Integer, nullable=False),
    # Of the redemption; empty for what is not one.
    Column("redemption_id", Text, nullable=False),
    Column("redeemable", Integer, nullable=False),
    Column("limit_name", Text, nullable=False),
    Column("limit_kind", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("slot", BigInteger, nullable=False),
    Column("limit_sequence", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    # Whether it counts: taken, and not returned since.
    Column("active", Boolean, nullable=False),
)
Index(
    "uq_movements_active_slot",
    MOVEMENTS.c.project_id,
    MOVEMENTS.c.limit_name,
    MOVEMENTS.c.slot,
    unique=True,
    sqlite_where=text("active = 1 AND slot > 0"),
    postgresql_where=text("active AND slot > 0"),
)
Index(
    "uq_movements_entry",
    MOVEMENTS.c.project_id,
    MOVEMENTS.c.partition,
    MOVEMENTS.c.ledger_id,
    MOVEMENTS.c.ordinal,
    unique=True,
)
Index("ix_movements_redemption", MOVEMENTS.c.project_id, MOVEMENTS.c.redemption_id)
Index("ix_movements_limit", MOVEMENTS.c.project_id, MOVEMENTS.c.limit_name)

SLOT_CONFLICTS = Table(
    "slot_conflicts",
    METADATA,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=True),
    Column("project_id", ForeignKey("projects.id"), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("ledger_id", String(48), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("limit_name", Text, nullable=False),
    Column("slot", BigInteger, nullable=False),
    Column("found_ms", BigInteger, nullable=False),
)
"""Uses whose slot was active already: limits that were passed, for example after a failover lost writes."""

SET_ASIDE_ENTRIES = Table(
    "set_aside_entries",
    METADATA,
    Column("project_id", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("ledger_id", String(48), nullable=False),
    # The whole promo.v1.LedgerEntry, serialized, or what the store has in its place.
    Column("entry", LargeBinary, nullable=False),
    # That a publication handed out.
    Column("positions", DOCUMENT, nullable=False),
    Column("problem", Text, nullable=False),
    Column("set_aside_ms", BigInteger, nullable=False),
    # Whether a store was rebuilt without it, and can have given to others what it used.
    Column("left_out", Boolean, nullable=False),
    PrimaryKeyConstraint("project_id", "partition", "ledger_id"),
)
"""Entries that the other tables could not take, so that those behind them are archived all the same."""
