"""What is known of single vouchers."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "voucher_states",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("publish_ms", sa.BigInteger(), nullable=True),
        sa.Column("redeemed_count", sa.BigInteger(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=True),
        sa.Column("record", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("project_id", "campaign_id", "position", name=op.f("pk_voucher_states")),
        sqlite_with_rowid=False,
    )
    for name, columns, condition in (
        ("holder", ["project_id", "holder", "campaign_id", "position"], "holder IS NOT NULL"),
        ("edited", ["project_id", "campaign_id", "position"], "record IS NOT NULL"),
        ("redeemed", ["project_id", "campaign_id", "position"], "redeemed_count > 0"),
    ):
        op.create_index(
            f"ix_voucher_states_{name}",
            "voucher_states",
            columns,
            unique=False,
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )
    _fill()


_AT_ONCE = 10_000
_PUT = sa.text(
    "INSERT INTO voucher_states (project_id, campaign_id, position, holder, publish_ms, redeemed_count)"
    " VALUES (:project, :campaign, :position, :holder, :publish_ms, :uses)"
    " ON CONFLICT (project_id, campaign_id, position)"
    " DO UPDATE SET redeemed_count = voucher_states.redeemed_count + excluded.redeemed_count",
)


def _fill() -> None:
    """Write what the archive knew of vouchers before this table was there."""
    connection = op.get_bind()
    after = ("", "")
    query = sa.text(
        "SELECT project_id, id, campaign_id, customer, positions, publish_ms FROM publications"
        " WHERE (project_id, id) > (:project, :id) ORDER BY project_id, id LIMIT :most",
    )
    while rows := connection.execute(query, {"project": after[0], "id": after[1], "most": _AT_ONCE}).all():
        said = [
            {
                "project": row[0],
                "campaign": row[2],
                "position": position,
                "holder": row[3],
                "publish_ms": row[5],
                "uses": 0,
            }
            for row in rows
            for position in (json.loads(row[4]) if isinstance(row[4], str) else row[4])
        ]
        connection.execute(_PUT, said)
        after = (rows[-1][0], rows[-1][1])
    after = ("", "")
    query = sa.text(
        "SELECT project_id, id, campaign_id, voucher_id FROM redemption_items"
        " WHERE rollback_id IS NULL AND (project_id, id) > (:project, :id) ORDER BY project_id, id LIMIT :most",
    )
    while rows := connection.execute(query, {"project": after[0], "id": after[1], "most": _AT_ONCE}).all():
        used = [
            {
                "project": row[0],
                "campaign": row[2],
                "position": int(row[3].rpartition("_")[2], 36),
                "holder": None,
                "publish_ms": None,
                "uses": 1,
            }
            for row in rows
        ]
        connection.execute(_PUT, used)
        after = (rows[-1][0], rows[-1][1])
