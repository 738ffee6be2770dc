"""Tables, in one metadata."""

from promo_server.sql.tables import archive, definitions
from promo_server.sql.tables.base import METADATA

__all__ = ["METADATA", "archive", "definitions"]
