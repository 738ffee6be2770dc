"""The bundled store under our own supervisor."""

from promo_server.embedded.errors import EmbeddedStoreError
from promo_server.embedded.options import EmbeddedStoreOptions
from promo_server.embedded.supervisor import EmbeddedStore

__all__ = ["EmbeddedStore", "EmbeddedStoreError", "EmbeddedStoreOptions"]
