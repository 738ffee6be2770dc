"""Texts sort by their bytes in PostgreSQL too, in whatever language its databases are made.

So ids and texts have the same order everywhere, pages of lists and the store's own order agree, and an index does not
become wrong when the machine's tables of a language change.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TEXTS = sa.text(
    "SELECT table_name, column_name, character_maximum_length FROM information_schema.columns"
    " WHERE table_schema = current_schema() AND table_name IN :tables"
    " AND data_type IN ('text', 'character varying') ORDER BY table_name, ordinal_position",
).bindparams(sa.bindparam("tables", expanding=True))

_TABLES = (
    "api_keys",
    "campaigns",
    "code_batches",
    "code_imports",
    "code_ranges",
    "customers",
    "erasures",
    "kept_answers",
    "layout_skips",
    "layouts",
    "movements",
    "operations",
    "orders",
    "pending_bundles",
    "projection_checkpoints",
    "projects",
    "publications",
    "redemption_items",
    "redemptions",
    "refused_rows",
    "rollbacks",
    "slot_conflicts",
    "stored_codes",
    "voucher_states",
)


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    changes: dict[str, list[str]] = {}
    for table, column, length in connection.execute(_TEXTS, {"tables": _TABLES}).all():
        kind = f"varchar({length})" if length else "text"
        changes.setdefault(table, []).append(f'ALTER COLUMN "{column}" TYPE {kind} COLLATE "C"')
    for table, columns in changes.items():
        # The rows stay as they are; indexes of these columns are made anew, each once.
        op.execute(f'ALTER TABLE "{table}" {", ".join(columns)}')
