"""How a connection is secured."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Tls:
    """How the channel is secured. The default trusts the system's authorities."""

    root_certificates: bytes | None = None
    """PEM of the authorities to trust instead of the system's."""
    certificate_chain: bytes | None = None
    """PEM of the client's own certificate, for mutual TLS."""
    private_key: bytes | None = None
    """PEM of the key of that certificate."""
    server_name: str | None = None
    """Name to expect in the server's certificate where it is not the target's."""
