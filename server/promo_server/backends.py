"""The store and the database of a server, made of the settings."""

from __future__ import annotations

from promo_server.embedded import EmbeddedStore, EmbeddedStoreOptions
from promo_server.settings import Settings
from promo_server.state import StateDir


def embedded_store(settings: Settings, state: StateDir) -> EmbeddedStore:
    """Return the bundled store of a state directory, not started."""
    options = settings.embedded
    return EmbeddedStore(
        EmbeddedStoreOptions(
            directory=state.store,
            socket=state.store_socket,
            server_path=options.server_path,
            append_fsync=options.append_fsync,
            max_memory_bytes=options.max_memory_bytes,
            start_seconds=options.start_seconds,
        ),
    )


def sql_url(settings: Settings, state: StateDir) -> str:
    """Return the URL of the database, which may have a password: the one that was given, else the SQLite file's."""
    given = settings.sql.url
    return given.get_secret_value() if given else f"sqlite:///{state.database}"
