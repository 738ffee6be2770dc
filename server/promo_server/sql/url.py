"""Form of a database's URL. It may have a password, so nothing of a wrong one is repeated."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from promo_server.operator_error import OperatorError

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
_LARGEST_PORT = 65_535
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_POSTGRESQL_OPTIONS = (
    "gsslib",
    "host",
    "krbsrvname",
    "passfile",
    "password",
    "port",
    "service",
    "servicefile",
    "sslmode",
    "target_session_attrs",
    "user",
)
"""What can stand behind the ? of a URL: all that the driver takes as a text."""


class DatabaseUrlError(OperatorError, ValueError):
    """A URL that names no database of a kind that is known here; the text says what would be right."""


def normalised_url(url: str) -> URL:
    """Return the URL with the asyncio driver of its database, and options as that driver knows them."""
    right = "sql.url must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseUrlError(right) from None
    driver = _DRIVERS.get(parsed.drivername, parsed.drivername)
    if driver not in _DRIVERS.values():
        raise DatabaseUrlError(right)
    if parsed.port is not None and not 1 <= parsed.port <= _LARGEST_PORT:
        raise DatabaseUrlError(f"{right}, the port 1 to {_LARGEST_PORT}")
    known = parsed.set(drivername=driver)
    if known.get_backend_name() == "postgresql":
        return _with_driver_options(known)
    if known.query:
        raise DatabaseUrlError("sql.url of SQLite is sqlite:///FILE, without options behind the file")
    return known


def sqlite_file(url: str) -> Path | None:
    """Return the file of a database of SQLite; None for one in memory and for other databases."""
    found = normalised_url(url)
    if found.get_backend_name() != "sqlite" or found.database in {None, "", ":memory:"}:
        return None
    return Path(str(found.database))


def _with_driver_options(url: URL) -> URL:
    """Return a URL of PostgreSQL whose `sslmode`, as all other programs name it, has the driver's name: `ssl`."""
    if not url.query.keys() <= {*_POSTGRESQL_OPTIONS, "ssl"}:
        raise DatabaseUrlError(
            f"sql.url has options that are not known; known are {', '.join(_POSTGRESQL_OPTIONS)}. The variables "
            "PGSSLROOTCERT, PGSSLCERT and PGSSLKEY name certificates"
        )
    modes = [url.query[name] for name in ("ssl", "sslmode") if name in url.query]
    if not modes:
        return url
    if len(modes) > 1 or modes[0] not in _SSL_MODES:
        raise DatabaseUrlError(
            f"sql.url has one sslmode, which must be {', '.join(_SSL_MODES[:-1])} or {_SSL_MODES[-1]}"
        )
    return url.difference_update_query(["sslmode"]).update_query_dict({"ssl": modes[0]})
