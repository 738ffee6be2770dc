"""Alembic's entry: runs migrations on the connection that `promo_server.sql.migrate` hands over."""

from __future__ import annotations

from alembic import context

from promo_server.sql.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
