"""Ledger entries that the archive could not take."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _text(length: int | None = None) -> sa.types.TypeEngine[str]:
    """Return the type of a text that sorts by its bytes."""
    kind = sa.String if length else sa.Text
    return kind(length).with_variant(kind(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "set_aside_entries",
        sa.Column("project_id", _text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("ledger_id", _text(48), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("positions", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("problem", _text(), nullable=False),
        sa.Column("set_aside_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "partition", "ledger_id", name=op.f("pk_set_aside_entries")),
    )
