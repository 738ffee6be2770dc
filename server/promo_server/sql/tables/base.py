"""The metadata that all tables belong to, and the column types they share."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Integer, MetaData
from sqlalchemy.dialects.postgresql import JSONB

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    },
)
"""Constraints are named, since a migration can only change what has a name."""

SEQUENCE = BigInteger().with_variant(Integer, "sqlite")
"""Type of self-counting keys: SQLite counts only in INTEGER PRIMARY KEY columns."""

# Texts sort by their bytes: SQLite's do, and migrations give PostgreSQL's columns COLLATE "C". It is not said in the
# tables, where it would become a part of every parameter.

DOCUMENT = JSON().with_variant(JSONB, "postgresql")
"""Type of JSON documents."""
