"""Ledger entries that the archive could not take."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "set_aside_entries",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("ledger_id", sa.String(length=48), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("positions", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("set_aside_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "partition", "ledger_id", name=op.f("pk_set_aside_entries")),
    )
