"""Codes of aborted imports that may still get to the store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _text() -> sa.types.TypeEngine[str]:
    """Return the type of a text that sorts by its bytes."""
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "late_codes",
        sa.Column("import_id", _text(), nullable=False),
        sa.Column("first_position", sa.BigInteger(), nullable=False),
        sa.Column("codes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["code_imports.id"], name=op.f("fk_late_codes_import_id")),
        sa.PrimaryKeyConstraint("import_id", "first_position", name=op.f("pk_late_codes")),
    )
    op.create_index(op.f("ix_late_codes_due_ms"), "late_codes", ["due_ms"])
