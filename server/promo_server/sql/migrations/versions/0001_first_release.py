"""The tables of the first release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "customers",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("metadata", _DOCUMENT, nullable=False),
        sa.Column("create_ms", sa.BigInteger(), nullable=False),
        sa.Column("update_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "source_id", name=op.f("pk_customers")),
    )
    op.create_table(
        "kept_answers",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("expire_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "method", "request_id", name=op.f("pk_kept_answers")),
    )
    op.create_index(op.f("ix_kept_answers_expire_ms"), "kept_answers", ["expire_ms"], unique=False)
    op.create_table(
        "movements",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("ledger_id", sa.String(length=48), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("redemption_id", sa.Text(), nullable=False),
        sa.Column("redeemable", sa.Integer(), nullable=False),
        sa.Column("limit_name", sa.Text(), nullable=False),
        sa.Column("limit_kind", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("limit_sequence", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_movements")),
    )
    op.create_index("ix_movements_limit", "movements", ["project_id", "limit_name"], unique=False)
    op.create_index("ix_movements_redemption", "movements", ["project_id", "redemption_id"], unique=False)
    op.create_index(
        "uq_movements_active_slot",
        "movements",
        ["project_id", "limit_name", "slot"],
        unique=True,
        sqlite_where=sa.text("active = 1 AND slot > 0"),
        postgresql_where=sa.text("active AND slot > 0"),
    )
    op.create_index("uq_movements_entry", "movements", ["project_id", "partition", "ledger_id", "ordinal"], unique=True)
    op.create_table(
        "orders",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("discount_amount", sa.BigInteger(), nullable=False),
        sa.Column("redemption_id", sa.Text(), nullable=False),
        sa.Column("update_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "source_id", name=op.f("pk_orders")),
    )
    op.create_table(
        "pending_bundles",
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "project_id", "target", name=op.f("pk_pending_bundles")),
    )
    op.create_table(
        "projection_checkpoints",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("outbox_id", sa.String(length=48), nullable=False),
        sa.Column("ledger_id", sa.String(length=48), nullable=False),
        sa.Column("update_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "partition", name=op.f("pk_projection_checkpoints")),
    )
    op.create_table(
        "projects",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("next_campaign_number", sa.BigInteger(), nullable=False),
        sa.Column("next_layout_number", sa.BigInteger(), nullable=False),
        sa.Column("create_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_projects")),
        sa.UniqueConstraint("id", name=op.f("uq_projects_id")),
        sa.UniqueConstraint("name", name=op.f("uq_projects_name")),
    )
    op.create_table(
        "publications",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("ledger_id", sa.String(length=48), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("positions", _DOCUMENT, nullable=False),
        sa.Column("publish_ms", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "id", name=op.f("pk_publications")),
    )
    op.create_index(
        "ix_publications_campaign", "publications", ["project_id", "campaign_id", "publish_ms"], unique=False
    )
    op.create_index("ix_publications_customer", "publications", ["project_id", "customer"], unique=False)
    op.create_index("uq_publications_place", "publications", ["project_id", "partition", "ledger_id"], unique=True)
    op.create_table(
        "redemption_items",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("redemption_id", sa.Text(), nullable=False),
        sa.Column("redeemable", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("voucher_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("discount_amount", sa.BigInteger(), nullable=False),
        sa.Column("rollback_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("project_id", "id", name=op.f("pk_redemption_items")),
    )
    op.create_index("ix_redemption_items_campaign", "redemption_items", ["project_id", "campaign_id"], unique=False)
    op.create_index("ix_redemption_items_redemption", "redemption_items", ["project_id", "redemption_id"], unique=False)
    op.create_table(
        "redemptions",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("order_source_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("discount_amount", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("redeem_ms", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "id", name=op.f("pk_redemptions")),
    )
    op.create_index("ix_redemptions_customer", "redemptions", ["project_id", "customer", "redeem_ms"], unique=False)
    op.create_index("ix_redemptions_time", "redemptions", ["project_id", "redeem_ms"], unique=False)
    op.create_table(
        "rollbacks",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("redemption_id", sa.Text(), nullable=False),
        sa.Column("returned_amount", sa.BigInteger(), nullable=False),
        sa.Column("rollback_ms", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "id", name=op.f("pk_rollbacks")),
    )
    op.create_index("ix_rollbacks_redemption", "rollbacks", ["project_id", "redemption_id"], unique=False)
    op.create_table(
        "api_keys",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("roles", _DOCUMENT, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("create_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoke_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_api_keys_project_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("id", name=op.f("uq_api_keys_id")),
    )
    op.create_index(op.f("ix_api_keys_project_id"), "api_keys", ["project_id"], unique=False)
    op.create_table(
        "campaigns",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.String(length=16), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("definition", _DOCUMENT, nullable=False),
        sa.Column("layout", _DOCUMENT, nullable=False),
        sa.Column("layout_number", sa.BigInteger(), nullable=True),
        sa.Column("code_count", sa.BigInteger(), nullable=False),
        sa.Column("code_mode", sa.String(length=16), nullable=False),
        sa.Column("code_mode_reason", sa.Text(), nullable=False),
        sa.Column("join_once", sa.Boolean(), nullable=False),
        sa.Column("auto_grow", sa.Boolean(), nullable=False),
        sa.Column("metadata", _DOCUMENT, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_ms", sa.BigInteger(), nullable=False),
        sa.Column("update_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_campaigns_project_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_campaigns")),
        sa.UniqueConstraint("id", name=op.f("uq_campaigns_id")),
        sa.UniqueConstraint("project_id", "number", name=op.f("uq_campaigns_project_id_number")),
    )
    op.create_index(
        "uq_campaigns_live_name",
        "campaigns",
        ["project_id", "name"],
        unique=True,
        sqlite_where=sa.text("deleted = 0"),
        postgresql_where=sa.text("NOT deleted"),
    )
    op.create_table(
        "layout_skips",
        sa.Column("project_id", sa.String(length=16), nullable=False),
        sa.Column("layout_number", sa.BigInteger(), nullable=False),
        sa.Column("skipped_index", sa.String(length=39), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_layout_skips_project_id")),
        sa.PrimaryKeyConstraint("project_id", "layout_number", "skipped_index", name=op.f("pk_layout_skips")),
    )
    op.create_table(
        "layouts",
        sa.Column("project_id", sa.String(length=16), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("specification", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("capacity", sa.Text(), nullable=False),
        sa.Column("next_index", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_layouts_project_id")),
        sa.PrimaryKeyConstraint("project_id", "number", name=op.f("pk_layouts")),
        sa.UniqueConstraint("project_id", "fingerprint", name=op.f("uq_layouts_project_id_fingerprint")),
    )
    op.create_table(
        "slot_conflicts",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("project_id", sa.String(length=16), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("ledger_id", sa.String(length=48), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("limit_name", sa.Text(), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("found_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_slot_conflicts_project_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_slot_conflicts")),
    )
    op.create_table(
        "code_batches",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.String(length=16), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("code_count", sa.BigInteger(), nullable=False),
        sa.Column("first_position", sa.BigInteger(), nullable=False),
        sa.Column("create_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_code_batches_campaign_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_code_batches_project_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_code_batches")),
        sa.UniqueConstraint("id", name=op.f("uq_code_batches_id")),
    )
    op.create_index(op.f("ix_code_batches_campaign_id"), "code_batches", ["campaign_id"], unique=False)
    op.create_table(
        "code_ranges",
        sa.Column("project_id", sa.String(length=16), nullable=False),
        sa.Column("layout_number", sa.BigInteger(), nullable=False),
        sa.Column("start_index", sa.BigInteger(), nullable=False),
        sa.Column("end_index", sa.BigInteger(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("campaign_number", sa.BigInteger(), nullable=False),
        sa.Column("first_position", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("start_index < end_index", name=op.f("ck_code_ranges_not_empty")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_code_ranges_campaign_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_code_ranges_project_id")),
        sa.PrimaryKeyConstraint("project_id", "layout_number", "start_index", name=op.f("pk_code_ranges")),
        sa.UniqueConstraint(
            "project_id", "layout_number", "end_index", name=op.f("uq_code_ranges_project_id_layout_number_end_index")
        ),
    )
    op.create_index(op.f("ix_code_ranges_campaign_id"), "code_ranges", ["campaign_id"], unique=False)
    op.create_table(
        "operations",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.String(length=16), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("total_count", sa.BigInteger(), nullable=False),
        sa.Column("done_count", sa.BigInteger(), nullable=False),
        sa.Column("create_ms", sa.BigInteger(), nullable=False),
        sa.Column("batch", _DOCUMENT, nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=False),
        sa.Column("failure_metadata", _DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_operations_campaign_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_operations_project_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_operations")),
        sa.UniqueConstraint("id", name=op.f("uq_operations_id")),
    )
    op.create_index(op.f("ix_operations_project_id"), "operations", ["project_id"], unique=False)
    op.create_table(
        "stored_codes",
        sa.Column("project_id", sa.String(length=16), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_stored_codes_campaign_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_stored_codes_project_id")),
        sa.PrimaryKeyConstraint("project_id", "code", name=op.f("pk_stored_codes")),
        sa.UniqueConstraint("campaign_id", "position", name=op.f("uq_stored_codes_campaign_id_position")),
        sqlite_with_rowid=False,
    )
