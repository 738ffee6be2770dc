"""Tables of what people define; this is its truth.

`sequence` columns order lists: they grow with every insert, so a page starts after the last row of the one before.
Times are milliseconds since 1970 UTC.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from promo_server.sql.tables.base import DOCUMENT, METADATA, SEQUENCE

PROJECTS = Table(
    "projects",
    METADATA,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", String(16), nullable=False, unique=True),
    Column("name", Text, nullable=False, unique=True),
    Column("time_zone", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("next_campaign_number", BigInteger, nullable=False),
    Column("next_layout_number", BigInteger, nullable=False),
    Column("create_ms", BigInteger, nullable=False),
)

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("project_id", ForeignKey("projects.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("roles", DOCUMENT, nullable=False),
    Column("token_hash", String(64), nullable=False),
    Column("create_ms", BigInteger, nullable=False),
    Column("revoke_ms", BigInteger),
)

CAMPAIGNS = Table(
    "campaigns",
    METADATA,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("project_id", ForeignKey("projects.id"), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("definition", DOCUMENT, nullable=False),
    Column("layout", DOCUMENT, nullable=False),
    Column("layout_number", BigInteger),
    Column("code_count", BigInteger, nullable=False),
    Column("code_mode", String(16), nullable=False),
    Column("code_mode_reason", Text, nullable=False),
    Column("join_once", Boolean, nullable=False),
    Column("auto_grow", Boolean, nullable=False),
    Column("metadata", DOCUMENT, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    # Whether it is no campaign to people but one voucher that stands alone.
    Column("standalone", Boolean, nullable=False),
    # Whether it has codes that callers gave, which need not follow its layout.
    Column("given_codes", Boolean, nullable=False),
    # Codes that callers named beside computed ones; not counted in code_count.
    Column("named_count", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("create_ms", BigInteger, nullable=False),
    Column("update_ms", BigInteger, nullable=False),
    UniqueConstraint("project_id", "number"),
)
Index(
    "uq_campaigns_live_name",
    CAMPAIGNS.c.project_id,
    CAMPAIGNS.c.name,
    unique=True,
    sqlite_where=text("deleted = 0"),
    postgresql_where=text("NOT deleted"),
)

LAYOUTS = Table(
    "layouts",
    METADATA,
    Column("project_id", ForeignKey("projects.id"), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("specification", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    # Decimal text: an index space is often larger than 64 bits.
    Column("capacity", Text, nullable=False),
    Column("next_index", BigInteger, nullable=False),
    PrimaryKeyConstraint("project_id", "number"),
    UniqueConstraint("project_id", "fingerprint"),
)

CODE_RANGES = Table(
    "code_ranges",
    METADATA,
    Column("project_id", ForeignKey("projects.id"), nullable=False),
    Column("layout_number", BigInteger, nullable=False),
    Column("start_index", BigInteger, nullable=False),
    Column("end_index", BigInteger, nullable=False),
    Column("campaign_id", ForeignKey("campaigns.id"), nullable=False, index=True),
    Column("campaign_number", BigInteger, nullable=False),
    Column("first_position", BigInteger, nullable=False),
    PrimaryKeyConstraint("project_id", "layout_number", "start_index"),
    UniqueConstraint("project_id", "layout_number", "end_index"),
    CheckConstraint("start_index < end_index", name="not_empty"),
)

LAYOUT_SKIPS = Table(
    "layout_skips",
    METADATA,
    Column("project_id", ForeignKey("projects.id"), nullable=False),
    Column("layout_number", BigInteger, nullable=False),
    # Fixed-width decimal text: it sorts like the number, which can be larger than 64 bits.
    Column("skipped_index", String(39), nullable=False),
    PrimaryKeyConstraint("project_id", "layout_number", "skipped_index"),
)

CODE_BATCHES = Table(
    "code_batches",
    METADATA,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("project_id", ForeignKey("projects.id"), nullable=False),
    Column("campaign_id", ForeignKey("campaigns.id"), nullable=False, index=True),
    Column("code_count", BigInteger, nullable=False),
    Column("first_position", BigInteger, nullable=False),
    Column("create_ms", BigInteger, nullable=False),
)

STORED_CODES = Table(
    "stored_codes",
    METADATA,
    Column("project_id", ForeignKey("projects.id"), nullable=False),
    Column("code", Text, nullable=False),
    Column("campaign_id", ForeignKey("campaigns.id"), nullable=False),
    Column("position", BigInteger, nullable=False),
    PrimaryKeyConstraint("project_id", "code"),
    UniqueConstraint("campaign_id", "position"),
    sqlite_with_rowid=False,
)

CODE_IMPORTS = Table(
    "code_imports",
    METADATA,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("project_id", ForeignKey("projects.id"), nullable=False),
    Column("campaign_id", ForeignKey("campaigns.id"), nullable=False, index=True),
    Column("campaign_number", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("source", Text, nullable=False),
    Column("first_position", BigInteger, nullable=False),
    Column("next_row", BigInteger, nullable=False),
    Column("accepted_count", BigInteger, nullable=False),
    Column("refused_count", BigInteger, nullable=False),
    Column("stored_count", BigInteger, nullable=False),
    Column("create_ms", BigInteger, nullable=False),
    # Null while it is open.
    Column("end_ms", BigInteger),
)

REFUSED_ROWS = Table(
    "refused_rows",
    METADATA,
    Column("import_id", ForeignKey("code_imports.id"), nullable=False),
    Column("row", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("problem", Text, nullable=False),
    PrimaryKeyConstraint("import_id", "row"),
    sqlite_with_rowid=False,
)

LATE_CODES = Table(
    "late_codes",
    METADATA,
    Column("import_id", ForeignKey("code_imports.id"), nullable=False),
    Column("first_position", BigInteger, nullable=False),
    Column("codes", DOCUMENT, nullable=False),
    Column("due_ms", BigInteger, nullable=False, index=True),
    PrimaryKeyConstraint("import_id", "first_position"),
)

OPERATIONS = Table(
    "operations",
    METADATA,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("project_id", ForeignKey("projects.id"), nullable=False, index=True),
    Column("campaign_id", ForeignKey("campaigns.id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("total_count", BigInteger, nullable=False),
    Column("done_count", BigInteger, nullable=False),
    Column("create_ms", BigInteger, nullable=False),
    # Null while it runs.
    Column("end_ms", BigInteger, index=True),
    Column("batch", DOCUMENT),
    Column("failure_reason", Text, nullable=False),
    Column("failure_metadata", DOCUMENT, nullable=False),
)

KEPT_ANSWERS = Table(
    "kept_answers",
    METADATA,
    Column("project_id", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("expire_ms", BigInteger, nullable=False, index=True),
    PrimaryKeyConstraint("project_id", "method", "request_id"),
)

PENDING_BUNDLES = Table(
    "pending_bundles",
    METADATA,
    Column("rank", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("project_id", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "project_id", "target"),
)

STORE_EPOCH = Table(
    "store_epoch",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
    Column("lost", Boolean, nullable=False),
)
"""One row: the highest epoch that the store is known to have had, and whether it has lost something since."""
