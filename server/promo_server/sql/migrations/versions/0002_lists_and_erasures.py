"""Indexes that lists are served from, and what erasing a customer needs.

Every filter of a list, with or without a range of the list's times, in its order by time or by id, is one range of one
of these indexes: a page anywhere in a table of any size reads its own rows and one more.

What is not: a second filter beside the one whose index is read, and a range of another field than that of the order,
such as `amount`, are compared row by row along that index; `state = succeeded` is along the index of times, where few
rows are not. In an order by `discount_amount` or id, the rows of a filter are found by its index and then sorted.
Indexes for these too would be one for each pair, paid for by every redemption.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _add_columns()
    _fill_columns()
    op.create_table(
        "erasures",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("erase_ms", sa.BigInteger(), nullable=False),
        sa.Column("done_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("project_id", "source_id", name=op.f("pk_erasures")),
    )
    _partial("ix_erasures_not_done", "erasures", ["erase_ms"], "done_ms IS NULL")
    _replace_indexes()


def _add_columns() -> None:
    zero, false = sa.text("0"), sa.false()
    for table, column in (
        ("redemption_items", sa.Column("redeem_ms", sa.BigInteger(), nullable=False, server_default=zero)),
        ("redemption_items", sa.Column("campaign_first", sa.Boolean(), nullable=False, server_default=false)),
        ("customers", sa.Column("erase_ms", sa.BigInteger(), nullable=False, server_default=zero)),
        ("customers", sa.Column("erased", sa.Boolean(), nullable=False, server_default=false)),
        ("orders", sa.Column("create_ms", sa.BigInteger(), nullable=False, server_default=zero)),
    ):
        op.add_column(table, column)


def _fill_columns() -> None:
    op.execute(
        "UPDATE redemption_items SET redeem_ms = (SELECT redeem_ms FROM redemptions"
        " WHERE redemptions.project_id = redemption_items.project_id"
        " AND redemptions.id = redemption_items.redemption_id),"
        " campaign_first = NOT EXISTS (SELECT 1 FROM redemption_items AS earlier"
        " WHERE earlier.project_id = redemption_items.project_id"
        " AND earlier.redemption_id = redemption_items.redemption_id"
        " AND earlier.campaign_id = redemption_items.campaign_id"
        " AND earlier.redeemable < redemption_items.redeemable)",
    )
    op.execute("UPDATE orders SET create_ms = update_ms")


def _replace_indexes() -> None:
    for name, table, columns in (
        ("ix_redemptions_time", "redemptions", ["project_id", "redeem_ms", "id"]),
        ("ix_redemptions_customer", "redemptions", ["project_id", "customer", "redeem_ms", "id"]),
        (
            "ix_redemption_items_campaign",
            "redemption_items",
            ["project_id", "campaign_id", "redeem_ms", "redemption_id"],
        ),
        ("ix_rollbacks_redemption", "rollbacks", ["project_id", "redemption_id", "rollback_ms", "id"]),
        ("ix_publications_campaign", "publications", ["project_id", "campaign_id", "publish_ms", "id"]),
        ("ix_publications_customer", "publications", ["project_id", "customer", "publish_ms", "id"]),
    ):
        op.drop_index(op.f(name), table_name=table)
        op.create_index(op.f(name), table, columns)
    for name, table, columns in (
        ("ix_redemptions_discount", "redemptions", ["project_id", "discount_amount", "id"]),
        ("ix_redemption_items_voucher", "redemption_items", ["project_id", "voucher_id", "redeem_ms", "redemption_id"]),
        ("ix_rollbacks_time", "rollbacks", ["project_id", "rollback_ms", "id"]),
        ("ix_publications_time", "publications", ["project_id", "publish_ms", "id"]),
        ("ix_customers_time", "customers", ["project_id", "create_ms", "source_id"]),
        ("ix_orders_time", "orders", ["project_id", "create_ms", "source_id"]),
        ("ix_orders_customer", "orders", ["project_id", "customer", "create_ms", "source_id"]),
    ):
        op.create_index(op.f(name), table, columns)
    for name, table, column, time, condition in (
        ("ix_redemptions_order", "redemptions", "order_source_id", "redeem_ms", "order_source_id <> ''"),
        ("ix_redemptions_undone", "redemptions", "state", "redeem_ms", "state <> 'succeeded'"),
        ("ix_publications_source", "publications", "source_id", "publish_ms", "source_id <> ''"),
        ("ix_publications_channel", "publications", "channel", "publish_ms", "channel <> ''"),
    ):
        _partial(name, table, ["project_id", column, time, "id"], condition)
    for column in ("email", "phone"):
        columns = ["project_id", column, "create_ms", "source_id"]
        _partial(f"ix_customers_{column}", "customers", columns, f"{column} <> ''")


def _partial(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(op.f(name), table, columns, sqlite_where=where, postgresql_where=where)
