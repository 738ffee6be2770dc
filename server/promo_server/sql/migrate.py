"""Brings a database to the tables of this release."""

from __future__ import annotations

from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from promo_server.operator_error import OperatorError
from promo_server.sql.database import SqlDatabase

_LOCK = 0x70726F6D6F  # "promo": the advisory lock of PostgreSQL that migrations take


def configuration(connection: Connection) -> Config:
    """Return Alembic's configuration for a connection."""
    config = Config()
    config.set_main_option("script_location", str(resources.files("promo_server.sql") / "migrations"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = configuration(connection)
    known = set(ScriptDirectory.from_config(config).walk_revisions())
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in {revision.revision for revision in known}:
        raise NewerDatabaseError(current)
    command.upgrade(config, "head")


class NewerDatabaseError(OperatorError):
    """The database belongs to a newer release, whose tables this one does not know."""

    def __init__(self, revision: str) -> None:
        super().__init__(f"the database is at revision {revision}, which this release does not know")


async def migrate(database: SqlDatabase) -> None:
    """Create or change tables until they are those of this release, in one transaction."""
    async with database.connection() as connection:
        await connection.run_sync(_upgrade)
