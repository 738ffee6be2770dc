"""Codes that callers give: imported, named, standing alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for name in ("standalone", "given_codes"):
        op.add_column("campaigns", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("campaigns", sa.Column("named_count", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "code_imports",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.String(length=16), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("campaign_number", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("first_position", sa.BigInteger(), nullable=False),
        sa.Column("next_row", sa.BigInteger(), nullable=False),
        sa.Column("accepted_count", sa.BigInteger(), nullable=False),
        sa.Column("refused_count", sa.BigInteger(), nullable=False),
        sa.Column("stored_count", sa.BigInteger(), nullable=False),
        sa.Column("create_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_code_imports_campaign_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_code_imports_project_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_code_imports")),
        sa.UniqueConstraint("id", name=op.f("uq_code_imports_id")),
    )
    op.create_index(op.f("ix_code_imports_campaign_id"), "code_imports", ["campaign_id"], unique=False)
    op.create_table(
        "refused_rows",
        sa.Column("import_id", sa.Text(), nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["code_imports.id"], name=op.f("fk_refused_rows_import_id")),
        sa.PrimaryKeyConstraint("import_id", "row", name=op.f("pk_refused_rows")),
        sqlite_with_rowid=False,
    )
