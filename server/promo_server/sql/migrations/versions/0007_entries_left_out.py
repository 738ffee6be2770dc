"""Entries that a store was rebuilt without."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("set_aside_entries", sa.Column("left_out", sa.Boolean(), nullable=False, server_default=sa.false()))
